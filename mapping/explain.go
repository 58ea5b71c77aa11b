package mapping

// trace records what each rule took.
type trace struct{ steps []Step }

// Step is one element that a rule set.
type Step struct {
	Rule
	Attribute string // the path of From that decided
	Value     string
}

func (t *trace) add(rule *Rule, v value) {
	t.steps = append(t.steps, Step{*rule, v.field.text, v.text()})
}
