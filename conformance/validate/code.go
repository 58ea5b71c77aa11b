package validate

import (
	"fmt"
	"strings"

	annotations "github.com/google/fhir/go/proto/google/fhir/proto/annotations_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"lightbox/fhir"
)

// wrongCase finds the codes that google/fhir took although they are spelt in another letter case or with "_" for "-". Codes of
// required bindings are case sensitive. It walks the message beside the JSON that it was read from.
func wrongCase(message protoreflect.Message, tree map[string]any) []*fhir.Error {
	var findings []*fhir.Error
	message.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		// The outer message is the union of all resource types.
		if f.Message() != nil && !f.IsList() {
			findings = codesOf(string(f.Message().Name()), v.Message(), tree)
		}
		return true
	})
	return findings
}

func codesOf(at string, message protoreflect.Message, tree map[string]any) (findings []*fhir.Error) {
	message.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() == nil {
			return true
		}
		where := at + "." + f.JSONName()
		sent := tree[f.JSONName()]
		if !f.IsList() {
			findings = append(findings, codeOrMore(where, v.Message(), sent)...)
			return true
		}
		items, _ := sent.([]any)
		for i := range min(v.List().Len(), len(items)) {
			findings = append(findings, codeOrMore(fmt.Sprintf("%s[%d]", where, i), v.List().Get(i).Message(), items[i])...)
		}
		return true
	})
	return findings
}

func codeOrMore(at string, message protoreflect.Message, sent any) []*fhir.Error {
	switch sent := sent.(type) {
	case map[string]any:
		return codesOf(at, message, sent)
	case string:
		value := message.Descriptor().Fields().ByName("value")
		if value == nil || value.Enum() == nil || sent == codeText(value, message.Get(value).Enum()) {
			return nil
		}
		return []*fhir.Error{fhir.NewError(fhir.Value, "the code is not spelt as the code system has it").At(at)}
	}
	return nil
}

// codeText returns how the code system spells a code.
func codeText(value protoreflect.FieldDescriptor, number protoreflect.EnumNumber) string {
	v := value.Enum().Values().ByNumber(number)
	if v == nil {
		return ""
	}
	if text, _ := proto.GetExtension(v.Options(), annotations.E_FhirOriginalCode).(string); text != "" {
		return text
	}
	return strings.ReplaceAll(strings.ToLower(string(v.Name())), "_", "-")
}
