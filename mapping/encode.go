package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// spliced is a resource with top-level members that the generated struct cannot express, such as _birthDate, and without one that the struct
// cannot leave out.
type spliced struct {
	resource any
	members  []member
	without  string
}

type member struct {
	name  string
	value any
}

// encode writes a resource: resourceType first, no escaping of HTML characters, members that the struct lacks at the end.
// resource is one of the Other types of the models, whose own MarshalJSON would put resourceType last and encode twice.
func encode(resourceType string, resource any) ([]byte, error) {
	extra, ok := resource.(spliced)
	if ok {
		resource = extra.resource
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	b.WriteString(`{"resourceType":"` + resourceType + `",`)
	start := b.Len()
	if err := e.Encode(resource); err != nil {
		return nil, fmt.Errorf("encode %s: %w", resourceType, err)
	}
	written := b.Bytes()
	body := append(written[:start], written[start+1:len(written)-1]...) // without the opening brace and the closing newline
	for _, m := range extra.members {
		text, err := json.Marshal(m.value)
		if err != nil {
			return nil, fmt.Errorf("encode %s.%s: %w", resourceType, m.name, err)
		}
		body = append(body[:len(body)-1], `,"`+m.name+`":`+string(text)+`}`...)
	}
	if extra.without != "" {
		names, values, err := members(body)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", resourceType, err)
		}
		rest := overlay{names: names, values: values}
		rest.drop(extra.without)
		return rest.bytes(), nil
	}
	return body, nil
}
