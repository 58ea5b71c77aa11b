package mapping

// eventContent read one irradiation: of CT (TID 10013), of projection X-ray and mammography (TID 10003).
var eventContent = compileContent("irradiation", []contentRule[dose]{
	{From: "113769", To: "Observation.identifier", Ref: "TID 10013, 10003; RDS irradiation-event-uid", Set: eventUID},
	{From: "111526", To: "Observation.effectiveDateTime", Ref: "TID 10013, 10003", Set: doseTime},
	{From: "123014", To: "Observation.bodySite", Ref: "TID 10013, 10003", Set: targetRegion},
	{From: "125203", To: "Observation.component", Ref: "TID 10013, 10003", Set: textComponent},
	{From: "113820", To: "Observation.component", Ref: "TID 10013", Set: codedComponent},
	{From: "113829 113830", To: "Observation.component", Unit: "mGy", Ref: "TID 10013", Set: component},
	{From: "113829 113835", To: "Observation.component", Ref: "TID 10013", Set: codedComponent},
	{From: "113829 113838", To: "Observation.component", Unit: "mGy.cm", Ref: "TID 10013", Set: component},
	{From: "113829 113839", To: "Observation.component", Unit: "mSv", Ref: "TID 10013", Set: component},
	{From: "113829 113930", To: "Observation.component", Unit: "mGy", Ref: "TID 10013, 10016", Set: component},
	{From: "113764", To: "Observation.component", Ref: "TID 10003", Set: codedComponent},
	{From: "113721", To: "Observation.component", Ref: "TID 10003", Set: codedComponent},
	{From: "111031", To: "Observation.component", Ref: "TID 10003", Set: codedComponent},
	{From: "122130", To: "Observation.component", Unit: "mGy.cm2", Ref: "TID 10003", Set: component},
	{From: "113738", To: "Observation.component", Unit: "mGy", Ref: "TID 10003", Set: component},
	{From: "111631", To: "Observation.component", Unit: "mGy", Ref: "TID 10003", Set: component},
	{From: "113733", To: "Observation.component", Unit: "kV", Ref: "TID 10003", Set: component},
	{From: "113736", To: "Observation.component", Unit: "uA.s", Ref: "TID 10003", Set: component},
})

// irradiations maps the events of a document. One without a UID is known by its place.
func (r *run) irradiations(of *dose) []dose {
	var list []dose
	for _, container := range []string{"113819", "113706"} {
		for _, event := range atMost(r, find(contentItem{Item: of.sr.Root}, conceptPath(container))) {
			to := r.newDose(of.study, of.version)
			to.BasedOn, to.Encounter, to.Device, to.planes = of.BasedOn, of.Encounter, of.Device, of.planes
			to.Code = coded(dcm, "113852", "Irradiation Event")
			eventContent.apply(r, &to, of.Dataset, event.Item)
			key := join(of.uid, event.Position)
			if len(to.Identifier) > 0 {
				key = join(of.study.Resource.ID, deref(to.Identifier[0].Value))
			}
			to.Id = new(r.mapper.ID("Observation", uidSystem, key))
			if len(to.Component) == 0 {
				to.DataAbsentReason = notKnown()
			}
			list = append(list, to)
		}
	}
	return list
}

func eventUID(r *run, to *dose, all []contentItem) {
	uid := clean(all[0].Text)
	if !IsUID(uid) {
		r.doubt("bad-uid", "not a UID: left out")
		return
	}
	kind := coded(deviceIdentifiers, "irradiation-event-uid", "Irradiation Event UID")
	to.Identifier = append(to.Identifier, uidIdentifier(uid, &kind))
}

// targetRegion is the region with its side.
func targetRegion(r *run, to *dose, all []contentItem) {
	where, ok := all[0].code(r)
	if !ok {
		return
	}
	if side := all[0].side(); side != "" {
		where.Text = new(nameOf(where) + ", " + side)
	}
	to.BodySite = &where
}
