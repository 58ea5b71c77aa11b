package devissuer_test

import (
	"context"
	"fmt"

	"lightbox/auth/devissuer"
)

// An issuer with one person who can log in, for one application in the browser.
func Example() {
	issuer, err := devissuer.New(devissuer.Config{
		URL:      "http://127.0.0.1:8080/issuer",
		Audience: "http://127.0.0.1:8080/fhir",
		Users: func(context.Context) ([]devissuer.User, error) {
			return []devissuer.User{{
				Name: "A patient", Subject: "patient", FHIRUser: "Patient/p1",
				Patients: []devissuer.Patient{{ID: "p1", Display: "A patient"}},
			}}, nil
		},
		Clients: []devissuer.Client{{
			ID:           "viewer",
			RedirectURIs: []string{"http://127.0.0.1:3000/callback"},
			Scopes:       []string{"launch/patient", "openid", "fhirUser", "offline_access", "patient/*.rs"},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Serve it: mux.Handle("/issuer/", issuer)
	m := issuer.Metadata()
	fmt.Println(m.AuthorizationEndpoint, m.GrantTypes, m.TokenAuthMethods)
	// Output: http://127.0.0.1:8080/issuer/authorize [authorization_code refresh_token] [none]
}
