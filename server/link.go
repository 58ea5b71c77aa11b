package server

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/fhir"
	"lightbox/server/links"
)

// link makes a link to the images of a study for whoever may see it: Parameters in are purpose and passcode, out are id, url and
// expires. The URL is told this once.
func (a *api) link(c *call) error {
	study, err := a.linkable(c)
	if err != nil {
		return err
	}
	asked, err := a.parameters(c, "purpose", "passcode")
	if err != nil {
		return err
	}
	wish := links.Wish{Purpose: links.Purpose(cmp.Or(asked["purpose"], string(links.Download))), Passcode: asked["passcode"]}
	if !wish.Purpose.IsKnown() {
		return fhir.NewError(fhir.Value, "the purpose is download or view").At("Parameters.parameter")
	}
	if err := links.CheckPasscode(wish.Passcode); err != nil {
		return fhir.NewError(fhir.Value, err.Error()).At("Parameters.parameter")
	}
	if a.HasObjects != nil {
		has, err := a.HasObjects(c.ctx(), c.by, study.Reference())
		if err != nil {
			return err
		}
		if !has {
			return fhir.NewError(fhir.BusinessRule, "the hub has no images of this study to hand out")
		}
	}
	made, url, err := a.Links.Make(c.ctx(), c.by, study, wish, c.grants(study))
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, encode(parameters{"Parameters", []parameter{
		{Name: "id", ValueID: made.ID}, {Name: "url", ValueURL: url}, {Name: "expires", ValueInstant: instant(made.Expires)},
	}}))
}

// links tells of the links to a study that the caller has asked for: all of them to who sees everything.
func (a *api) links(c *call) error {
	study, err := a.linkable(c)
	if err != nil {
		return err
	}
	list, err := a.Links.List(c.ctx(), c.by, study.Reference(), unfiltered(c.visible))
	if err != nil {
		return err
	}
	c.disclosesAll(audit.Operation, study.Reference(), []fhir.Resource{study})
	answer := parameters{ResourceType: "Parameters"}
	for _, one := range list {
		uses, locked := one.Uses, one.Locked
		part := []parameter{{Name: "id", ValueID: one.ID}, {Name: "purpose", ValueCode: string(one.Purpose)}, {Name: "created", ValueInstant: instant(one.Created)},
			{Name: "expires", ValueInstant: instant(one.Expires)}, {Name: "passcode", ValueBoolean: &locked}, {Name: "uses", ValueInteger: &uses}}
		if !one.Revoked.IsZero() {
			part = append(part, parameter{Name: "revoked", ValueInstant: instant(one.Revoked)})
		}
		answer.Parameter = append(answer.Parameter, parameter{Name: "link", Part: part})
	}
	return c.send(http.StatusOK, encode(answer))
}

// revokeLink ends a link that the caller has asked for, or any to who sees everything.
func (a *api) revokeLink(c *call) error {
	study, err := a.linkable(c)
	if err != nil {
		return err
	}
	asked, err := a.parameters(c, "id")
	if err != nil {
		return err
	}
	revoked, err := a.Links.Revoke(c.ctx(), c.by, study.Reference(), asked["id"], unfiltered(c.visible), c.grants(study))
	if errors.Is(err, links.ErrNoLink) {
		return fhir.NewError(fhir.NotFound, "there is no such link")
	}
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, encode(parameters{"Parameters", []parameter{
		{Name: "id", ValueID: revoked.ID}, {Name: "revoked", ValueInstant: instant(revoked.Revoked)},
	}}))
}

// linkable returns the study of the path, as the caller sees it.
func (a *api) linkable(c *call) (fhir.Resource, error) {
	if a.Links == nil {
		return fhir.Resource{}, noRoute(c)
	}
	c.code = audit.Operation
	c.kind, _ = a.Registry.Type("ImagingStudy")
	id, err := c.id()
	if err != nil {
		return fhir.Resource{}, err
	}
	c.by = c.by.Ordinary() // what is seen in an emergency is not handed on
	if c.visible = c.by.Visible(auth.Read, "ImagingStudy"); len(c.visible.Grants) == 0 {
		return fhir.Resource{}, errForbidden()
	}
	study, err := a.Store.Read(c.ctx(), c.visible, "ImagingStudy", id)
	if err != nil {
		return study, gone(err, study)
	}
	return study, nil
}

// grants is the event of what a caller hands on.
func (c *call) grants(study fhir.Resource) audit.Event {
	e := c.event(audit.Grant)
	e.Data, e.Patients = study.Reference(), audit.PatientsOf(study)
	return e
}

// parameters reads a Parameters of single primitive values, each of one of the names. An empty body has none.
func (a *api) parameters(c *call, names ...string) (map[string]string, error) {
	values := map[string]string{}
	if c.r.ContentLength == 0 {
		return values, nil
	}
	body, err := a.body(c, mediaFHIR, mediaJSON)
	if err != nil || len(body) == 0 {
		return values, err
	}
	res, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	if res.Type != "Parameters" {
		return nil, fhir.NewError(fhir.Structure, "the body is Parameters").At("resourceType")
	}
	for _, one := range gjson.GetBytes(body, "parameter").Array() {
		name := one.Get("name").Str
		if err := oneOf(name, names, values); err != nil {
			return nil, err
		}
		one.ForEach(func(member, value gjson.Result) bool {
			if member.Str != "name" && value.Type == gjson.String {
				values[name] = value.Str
			}
			return true
		})
	}
	return values, nil
}

func oneOf(name string, names []string, known map[string]string) error {
	for _, one := range names {
		if one != name {
			continue
		}
		if _, twice := known[name]; twice {
			return fhir.NewError(fhir.Invalid, "a parameter stands more than once").At("Parameters.parameter")
		}
		return nil
	}
	return fhir.NewError(fhir.NotSupported, "a parameter that the operation does not have").At("Parameters.parameter")
}

// parameters is the shape of https://hl7.org/fhir/R4/parameters.html as far as the server fills it.
type parameters struct {
	ResourceType string      `json:"resourceType"`
	Parameter    []parameter `json:"parameter,omitempty"`
}

type parameter struct {
	Name         string      `json:"name"`
	ValueID      string      `json:"valueId,omitempty"`
	ValueURL     string      `json:"valueUrl,omitempty"`
	ValueCode    string      `json:"valueCode,omitempty"`
	ValueString  string      `json:"valueString,omitempty"`
	ValueInstant string      `json:"valueInstant,omitempty"`
	ValueInteger *int64      `json:"valueInteger,omitempty"`
	ValueBoolean *bool       `json:"valueBoolean,omitempty"`
	Part         []parameter `json:"part,omitempty"`
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
