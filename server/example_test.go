package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/fhir/store/sqlite"
	"lightbox/server"
)

// A server needs a registry, a store and its own address. Without a Verifier it answers only what needs no caller.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "lightbox")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := sqlite.Open(context.Background(), filepath.Join(dir, "lightbox.db"), store.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	handler, err := server.New(server.Config{Registry: fhir.R4(), Store: s, Base: "https://hub.example/fhir"})
	if err != nil {
		log.Fatal(err)
	}

	for _, path := range []string{"/fhir/metadata", "/fhir/Patient/1"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		var answer struct {
			ResourceType string `json:"resourceType"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			log.Fatal(err)
		}
		fmt.Println(path, w.Code, answer.ResourceType)
	}
	// Output:
	// /fhir/metadata 200 CapabilityStatement
	// /fhir/Patient/1 401 OperationOutcome
}
