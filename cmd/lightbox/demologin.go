package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"
	"github.com/tidwall/gjson"

	"lightbox/auth/devissuer"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// Clients of the demo's issuer: an app that anybody can write, one with a secret, and a backend service with a key of its own.
const (
	demoApp     = "demo-app"
	demoSecret  = "demo-web-app"
	demoService = "demo-service"
)

// serviceKeyFile is the private key of the demo's backend service, as JWK, in the demo's folder.
const serviceKeyFile = "service-key.json"

// serviceKey reads the backend service's key, or makes one.
func serviceKey(file string) (key jose.JSONWebKey, err error) {
	b, err := os.ReadFile(file)
	if err == nil {
		return key, json.Unmarshal(b, &key)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return key, err
	}
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return key, err
	}
	key = jose.JSONWebKey{Key: private, KeyID: "demo", Algorithm: string(jose.ES384), Use: "sig"}
	if b, err = json.Marshal(key); err != nil {
		return key, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return key, err
	}
	return key, writeWhole(file, append(b, '\n'))
}

// clients are who may ask the demo's issuer for tokens.
func (d *demo) clients() []devissuer.Client {
	redirects := []string{"http://127.0.0.1:3000/", "http://localhost:3000/", "http://127.0.0.1:3000/callback", "http://localhost:3000/callback"}
	scopes := []string{"openid", "fhirUser", "launch", "launch/patient", "offline_access", "online_access", "patient/*.cruds", "user/*.cruds"}
	return []devissuer.Client{
		{ID: demoApp, Name: "Demo app", RedirectURIs: redirects, Scopes: scopes},
		{ID: demoSecret, Name: "Demo web app", Secret: "demo-secret", RedirectURIs: redirects, Scopes: scopes},
		{ID: demoService, Name: "Demo service", Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{d.service.Public()}}, Scopes: []string{"system/*.cruds"}},
	}
}

// users are who can log in: the city's patient, the parent, a clinician of the first hospital.
func (d *demo) users(ctx context.Context) ([]devissuer.User, error) {
	patient, err := d.patient(ctx, "patient")
	if err != nil {
		return nil, err
	}
	child, err := d.patient(ctx, "child")
	if err != nil {
		return nil, err
	}
	hospital := d.hub.pipeline.Mapper.Organization(d.city.Facilities[0].Name)
	wards, err := d.patientsOf(ctx, hospital)
	if err != nil {
		return nil, err
	}
	return []devissuer.User{
		{Name: nameOf(patient), Subject: "patient", FHIRUser: patient.Reference(), Patients: []devissuer.Patient{choice(patient)}},
		{Name: d.city.Parent.Name, Subject: "parent", FHIRUser: d.parent().Reference(), Patients: []devissuer.Patient{choice(child)}},
		{Name: d.city.Facilities[0].Name, Subject: "clinician", FHIRUser: "Practitioner/demo-clinician", Patients: wards, Organization: hospital},
	}, nil
}

// patientsOf are those whom an organisation submitted.
func (d *demo) patientsOf(ctx context.Context, organization string) (list []devissuer.Patient, err error) {
	q, err := search.Parse(fhir.R4(), "Patient", url.Values{"_count": {"200"}, "_sort": {"family"}}, search.Options{Strict: true})
	if err != nil {
		return nil, err
	}
	theirs := search.Filter{Grants: []search.Grant{{Owner: organization}}}
	found, err := d.hub.store.Search(ctx, q, store.Caller{ID: "demo", Access: func(string) search.Filter { return theirs }})
	for _, one := range found.Matches {
		list = append(list, choice(one))
	}
	return list, err
}

func choice(patient fhir.Resource) devissuer.Patient {
	return devissuer.Patient{ID: patient.ID, Display: nameOf(patient)}
}

func nameOf(patient fhir.Resource) string {
	name := gjson.GetBytes(patient.Body, "name.0")
	if text := name.Get("text").Str; text != "" {
		return text
	}
	return name.Get("family").Str + " " + name.Get("given.0").Str
}
