package naive

import (
	"slices"

	"lightbox/fhir"
)

// componentExpressions select the components of a composite on the element that its own expression selects, as R4 defines
// them. Those of DocumentReference's relationship stand there the wrong way round: its first component is relatesto, the
// reference, with the expression "code". Here each has the one that it can be compared with.
var componentExpressions = map[string][2]string{
	"DocumentReference.relationship":            {"target", "code"},
	"Group.characteristic-value":                {"code", "value"},
	"Observation.code-value-concept":            {"code", "value.as(CodeableConcept)"},
	"Observation.code-value-date":               {"code", "value.as(dateTime) | value.as(Period)"},
	"Observation.code-value-quantity":           {"code", "value.as(Quantity)"},
	"Observation.code-value-string":             {"code", "value.as(string)"},
	"Observation.combo-code-value-concept":      {"code", "value.as(CodeableConcept)"},
	"Observation.combo-code-value-quantity":     {"code", "value.as(Quantity)"},
	"Observation.component-code-value-concept":  {"code", "value.as(CodeableConcept)"},
	"Observation.component-code-value-quantity": {"code", "value.as(Quantity)"},
}

// readComposite reads one$other. Both must hold on the same element (FHIR R4 search.html#composite).
func readComposite(p *fhir.SearchParameter, text string) (test, error) {
	parts := split(text, '$')
	expressions, ok := componentExpressions[p.Type+"."+p.Name]
	if !ok || len(parts) != len(expressions) || slices.Contains(parts, "") {
		return nil, bad("%s takes %d values joined by $", p.Name, len(expressions))
	}
	var tests [2]test
	for i, part := range parts {
		var err error
		if tests[i], err = readAlternative(p.Components[i].Param, "", part); err != nil {
			return nil, err
		}
	}
	return func(s scope, e element) bool {
		for i, holds := range tests {
			values := evaluate(source{[]byte(e.json.Raw), s}, expressions[i], p.Components[i].Param)
			if !slices.ContainsFunc(values, func(v element) bool { return holds(s, v) }) {
				return false
			}
		}
		return true
	}, nil
}
