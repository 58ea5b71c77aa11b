package conformance

// The elements of a CapabilityStatement that are stated, in the order of R4's definition.

type capabilityStatement struct {
	ResourceType   string         `json:"resourceType"`
	URL            string         `json:"url"`
	Version        string         `json:"version,omitempty"`
	Name           string         `json:"name"`
	Title          string         `json:"title"`
	Status         string         `json:"status"`
	Date           string         `json:"date"`
	Kind           string         `json:"kind"`
	Software       software       `json:"software"`
	Implementation implementation `json:"implementation"`
	FHIRVersion    string         `json:"fhirVersion"`
	Format         []string       `json:"format"`
	PatchFormat    []string       `json:"patchFormat"`
	Rest           []rest         `json:"rest"`
}

type software struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

type implementation struct {
	Description string `json:"description"`
	URL         string `json:"url"`
}

type rest struct {
	Mode        string        `json:"mode"`
	Security    security      `json:"security"`
	Resource    []resource    `json:"resource"`
	Interaction []interaction `json:"interaction"`
	Compartment []string      `json:"compartment,omitempty"`
}

type security struct {
	Extension []extension `json:"extension,omitempty"`
	CORS      bool        `json:"cors"`
	Service   []concept   `json:"service"`
}

type extension struct {
	URL       string      `json:"url"`
	ValueURI  string      `json:"valueUri,omitempty"`
	Extension []extension `json:"extension,omitempty"`
}

type concept struct {
	Coding []coding `json:"coding"`
}

type coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

type resource struct {
	Type              string        `json:"type"`
	Profile           string        `json:"profile"`
	SupportedProfile  []string      `json:"supportedProfile,omitempty"`
	Interaction       []interaction `json:"interaction"`
	Versioning        string        `json:"versioning"`
	ReadHistory       bool          `json:"readHistory"`
	UpdateCreate      bool          `json:"updateCreate"`
	ConditionalCreate bool          `json:"conditionalCreate"`
	ConditionalRead   string        `json:"conditionalRead"`
	ConditionalUpdate bool          `json:"conditionalUpdate"`
	ConditionalDelete string        `json:"conditionalDelete"`
	SearchInclude     []string      `json:"searchInclude,omitempty"`
	SearchRevInclude  []string      `json:"searchRevInclude,omitempty"`
	SearchParam       []searchParam `json:"searchParam,omitempty"`
	Operation         []operation   `json:"operation,omitempty"`
}

type interaction struct {
	Code string `json:"code"`
}

type searchParam struct {
	Name       string `json:"name"`
	Definition string `json:"definition,omitempty"`
	Type       string `json:"type"`
}

type operation struct {
	Name       string `json:"name"`
	Definition string `json:"definition"`
}
