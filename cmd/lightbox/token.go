package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"lightbox/auth/devissuer"
)

type tokenCommand struct {
	Dir          string        `default:"lightbox-demo" help:"Folder of the running demo."`
	Scope        string        `required:"" help:"Scopes, separated by spaces."`
	Patient      string        `placeholder:"ID" help:"Launch context: id of a Patient."`
	FHIRUser     string        `name:"fhir-user" placeholder:"REF" help:"The fhirUser claim."`
	Organization string        `placeholder:"REF" help:"The organization claim, Organization/<id>."`
	Role         []string      `placeholder:"NAME" help:"The roles claim. Repeatable."`
	Client       string        `default:"token" placeholder:"NAME" help:"The client_id claim, and the subject."`
	TTL          time.Duration `name:"ttl" default:"1h" help:"How long it lives; negative for one that has expired."`
}

// Help is shown below the flags.
func (*tokenCommand) Help() string {
	return `The token is a signed JWT with just these claims, also nonsense ones: refusing them is the hub's work.

  curl -H "Authorization: Bearer $(lightbox token --scope 'system/*.rs')" http://127.0.0.1:8080/fhir/Patient`
}

// Run signs.
func (c *tokenCommand) Run(_ context.Context, p *program) error {
	d, err := readDemo(c.Dir)
	if err != nil {
		return err
	}
	issuer, err := devissuer.New(devissuer.Config{URL: d.Issuer, KeyFile: filepath.Join(c.Dir, issuerKeyFile)})
	if err != nil {
		return err
	}
	token, err := issuer.Token(c.claims(d.FHIR), c.TTL)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.Stdout, token)
	return err
}

func (c *tokenCommand) claims(audience string) map[string]any {
	claims := map[string]any{"aud": audience, "sub": c.Client, "client_id": c.Client, "scope": c.Scope}
	for name, value := range map[string]string{"patient": c.Patient, "fhirUser": c.FHIRUser, "organization": c.Organization} {
		if value != "" {
			claims[name] = value
		}
	}
	if len(c.Role) > 0 {
		claims["roles"] = c.Role
	}
	return claims
}

// demoInfo is what demo.json tells.
type demoInfo struct {
	FHIR     string            `json:"fhir"`
	Issuer   string            `json:"issuer"`
	MLLP     string            `json:"mllp,omitempty"` // host:port of HL7 v2
	DICOMweb string            `json:"dicomweb,omitempty"`
	DIMSE    *demoPeer         `json:"dimse,omitempty"`
	Tokens   map[string]string `json:"tokens"`
	Patients map[string]string `json:"patients"`
	Study    string            `json:"study"` // the patient's newest
}

// demoPeer is an application entity.
type demoPeer struct {
	AET     string `json:"aet"`
	Address string `json:"address"`
}

const (
	demoFile      = "demo.json"
	tokensDir     = "tokens" // a file for each of demo.json's, for the shell
	issuerKeyFile = "issuer.key"
)

func readDemo(dir string) (demoInfo, error) {
	b, err := os.ReadFile(filepath.Join(dir, demoFile))
	if err != nil {
		return demoInfo{}, fmt.Errorf("no demo has been started in %s: %w", dir, err)
	}
	var d demoInfo
	err = json.Unmarshal(b, &d)
	return d, err
}
