package synth

// Content items of structured reports (PS3.3 C.17.3). Each is the relationship to its parent, a concept name and a value.

const (
	contains   = "CONTAINS"
	hasMod     = "HAS CONCEPT MOD"
	hasContext = "HAS OBS CONTEXT"
	hasProps   = "HAS PROPERTIES"
)

// dcm is a concept of PS3.16 annex D.
func dcm(value, meaning string) code { return code{value, "DCM", meaning} }

func item(relationship, valueType string, concept code, value attrs, children ...attrs) attrs {
	a := attrs{"RelationshipType": relationship, "ValueType": valueType, "ConceptNameCodeSequence": concept}.with(value)
	if len(children) > 0 {
		a["ContentSequence"] = children
	}
	return a
}

func container(concept code, children ...attrs) attrs {
	return item(contains, "CONTAINER", concept, attrs{"ContinuityOfContent": "SEPARATE"}, children...)
}

func text(relationship string, concept code, value string) attrs {
	return item(relationship, "TEXT", concept, attrs{"TextValue": value})
}

func coded(relationship string, concept, value code, children ...attrs) attrs {
	return item(relationship, "CODE", concept, attrs{"ConceptCodeSequence": value}, children...)
}

func uidref(relationship string, concept code, uid string) attrs {
	return item(relationship, "UIDREF", concept, attrs{"UID": uid})
}

func personName(relationship string, concept code, name string) attrs {
	return item(relationship, "PNAME", concept, attrs{"PersonName": name})
}

func dateTime(relationship string, concept code, value string) attrs {
	return item(relationship, "DATETIME", concept, attrs{"DateTime": value})
}

// num is a NUM with its unit in UCUM.
func num(concept code, value float64, unit, meaning string, children ...attrs) attrs {
	return item(contains, "NUM", concept, attrs{"MeasuredValueSequence": attrs{
		"NumericValue": value, "MeasurementUnitsCodeSequence": code{unit, "UCUM", meaning},
	}}, children...)
}

// image refers to an instance.
func image(reference attrs) attrs {
	return attrs{"RelationshipType": contains, "ValueType": "IMAGE", "ReferencedSOPSequence": reference}
}

// root is a document's top container, made by a template of PS3.16.
func root(title code, template string, children ...attrs) attrs {
	return attrs{
		"ValueType": "CONTAINER", "ConceptNameCodeSequence": title, "ContinuityOfContent": "SEPARATE", "ContentSequence": children,
		"ContentTemplateSequence": attrs{"MappingResource": "DCMR", "TemplateIdentifier": template},
	}
}
