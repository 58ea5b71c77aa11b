package server

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"lightbox/auth"
	"lightbox/fhir"
)

// interaction is one row of the routing table.
type interaction struct {
	code    string // of http://hl7.org/fhir/restful-interaction, by which the registry says what a type serves
	method  string
	pattern string           // below the resource type
	needs   auth.Interaction // the scope letter that covers it
	run     func(*api, *call) error
	plan    plan // of a write, instead of run
}

// interactions are the RESTful interactions of every resource type, FHIR R4 http.html#3.1.0. HEAD goes with GET.
func interactions() []interaction {
	return []interaction{
		{code: "search-type", method: http.MethodGet, needs: auth.Search, run: (*api).search},
		{code: "create", method: http.MethodPost, needs: auth.Create, plan: planCreate},
		{code: "update", method: http.MethodPut, needs: auth.Update, plan: planConditionalUpdate},
		{code: "patch", method: http.MethodPatch, needs: auth.Update, plan: planConditionalPatch},
		{code: "delete", method: http.MethodDelete, needs: auth.Delete, plan: planConditionalDelete},
		{code: "search-type", method: http.MethodPost, pattern: "/_search", needs: auth.Search, run: (*api).search},
		{code: "read", method: http.MethodGet, pattern: "/{id}", needs: auth.Read, run: (*api).read},
		{code: "update", method: http.MethodPut, pattern: "/{id}", needs: auth.Update, plan: planUpdate},
		{code: "patch", method: http.MethodPatch, pattern: "/{id}", needs: auth.Update, plan: planPatch},
		{code: "delete", method: http.MethodDelete, pattern: "/{id}", needs: auth.Delete, plan: planDelete},
		{code: "history-type", method: http.MethodGet, pattern: "/_history", needs: auth.Search, run: (*api).historyType},
		{code: "history-instance", method: http.MethodGet, pattern: "/{id}/_history", needs: auth.Read, run: (*api).history},
		{code: "vread", method: http.MethodGet, pattern: "/{id}/_history/{vid}", needs: auth.Read, run: (*api).vread},
	}
}

// system returns the interactions of the whole system by pattern and method. What they reach of each type is decided within.
func system() map[string]map[string]func(*api, *call) error {
	return map[string]map[string]func(*api, *call) error{
		"":          {http.MethodGet: (*api).searchSystem, http.MethodPost: (*api).process}, // transaction and batch
		"/_search":  {http.MethodPost: (*api).searchSystem},
		"/_history": {http.MethodGet: (*api).historySystem},
	}
}

// handler builds the router: what needs no caller, then the table for every type of the registry.
func (a *api) handler() (http.Handler, error) {
	root := chi.NewRouter()
	if err := a.use(root); err != nil {
		return nil, err
	}
	root.NotFound(a.open(noRoute))
	root.MethodNotAllowed(a.open(noMethod))
	root.HandleFunc("/healthz", a.healthz)
	root.HandleFunc("/readyz", a.readyz)
	for path, surface := range a.Beside {
		root.Mount(path, surface)
	}
	entries := chi.NewRouter()
	entries.MethodNotAllowed(a.open(noMethod))
	a.entries = entries
	return root, errors.Join(a.routes(root), a.routes(entries))
}

// routes adds what stands below the base path. One router holds it all: another one below it would be a second look-up.
func (a *api) routes(r chi.Router) error {
	if a.path == "" {
		r.NotFound(a.closed(noRoute))
	} else {
		r.HandleFunc(a.path+"/*", a.closed(noRoute))
	}
	for pattern, methods := range system() {
		r.HandleFunc(cmp.Or(a.path+pattern, "/"), a.dispatchSystem(methods))
	}
	r.HandleFunc(a.path+"/metadata", a.open(only(http.MethodGet, a.capabilities)))
	r.HandleFunc(a.path+"/.well-known/smart-configuration", a.open(only(http.MethodGet, a.smart)))
	r.HandleFunc(a.path+"/SearchParameter", a.open(only(http.MethodGet, a.searchParameters)))
	r.HandleFunc(a.path+"/SearchParameter/{id}", a.open(only(http.MethodGet, a.searchParameter)))
	r.HandleFunc(a.path+"/ConceptMap", a.open(only(http.MethodGet, a.conceptMaps)))
	r.HandleFunc(a.path+"/ConceptMap/{id}", a.open(only(http.MethodGet, a.conceptMap)))
	r.HandleFunc(a.path+"/OperationDefinition/{id}", a.open(only(http.MethodGet, a.operationDefinition)))
	a.searches(r)
	for _, kind := range a.Registry.Types() {
		patterns, err := served(kind)
		if err != nil {
			return err
		}
		for pattern, methods := range patterns {
			r.HandleFunc(a.path+"/"+kind.Name+pattern, a.dispatch(kind, methods))
		}
	}
	return nil
}

// searches adds those within compartments. Each judges by the types that it goes over.
func (a *api) searches(r chi.Router) {
	both := func(pattern string, run func(*call) error) {
		r.HandleFunc(pattern, a.closed(negotiated(only(http.MethodGet, run))))
		r.HandleFunc(pattern+"/_search", a.closed(negotiated(only(http.MethodPost, run))))
	}
	for _, owner := range a.Registry.Compartments() {
		both(a.path+"/"+owner+"/{id}/{type}", a.searchCompartment(owner))
	}
	r.HandleFunc(a.path+"/Patient/{id}/$everything", a.closed(negotiated(only(http.MethodGet, a.everything))))
	r.HandleFunc(a.path+"/Task/{id}/$withdraw", a.closed(negotiated(only(http.MethodPost, a.withdraw))))
	r.HandleFunc(a.path+"/DiagnosticReport/{id}/$release", a.closed(negotiated(only(http.MethodPost, a.release))))
	r.HandleFunc(a.path+"/DiagnosticReport/{id}/$withhold", a.closed(negotiated(only(http.MethodPost, a.withhold))))
	r.HandleFunc(a.path+"/ImagingStudy/{id}/$link", a.closed(negotiated(only(http.MethodPost, a.link))))
	r.HandleFunc(a.path+"/ImagingStudy/{id}/$links", a.closed(negotiated(only(http.MethodGet, a.links))))
	r.HandleFunc(a.path+"/ImagingStudy/{id}/$revoke-link", a.closed(negotiated(only(http.MethodPost, a.revokeLink))))
	r.HandleFunc(a.path+"/Patient/$break-glass", a.closed(negotiated(only(http.MethodPost, a.breakGlass))))
	r.HandleFunc(a.path+"/Patient/$match", a.closed(negotiated(only(http.MethodPost, a.match))))
	r.HandleFunc(a.path+"/Patient/{id}/$dose", a.closed(negotiated(only(http.MethodGet, a.dose))))
}

// negotiated settles the form of the answer first.
func negotiated(run func(*call) error) func(*call) error {
	return func(c *call) error {
		if err := c.negotiate(c.query); err != nil {
			return err
		}
		return run(c)
	}
}

// only serves one method; HEAD goes with GET.
func only(method string, run func(*call) error) func(*call) error {
	return func(c *call) error {
		if readMethod(c.r.Method) != method {
			return methodNotAllowed(allowed(map[string]interaction{method: {}}))
		}
		return run(c)
	}
}

// served returns the interactions of a type by pattern and method. A row without a rule of access is refused at start.
func served(kind *fhir.Type) (map[string]map[string]interaction, error) {
	patterns := map[string]map[string]interaction{}
	for _, row := range interactions() {
		if row.plan != nil {
			row.run = write(row.plan)
		}
		if row.needs == "" || row.run == nil {
			return nil, fmt.Errorf("server: %s has no rule of access", row.code)
		}
		if !kind.Serves(row.code) {
			continue
		}
		if patterns[row.pattern] == nil {
			patterns[row.pattern] = map[string]interaction{}
		}
		patterns[row.pattern][row.method] = row
	}
	return patterns, nil
}

// dispatch picks the interaction by method and decides, before data is touched, whether a scope covers it.
func (a *api) dispatch(kind *fhir.Type, methods map[string]interaction) http.HandlerFunc {
	allow := allowed(methods)
	return a.route(allow, func(c *call) error {
		row, ok := methods[readMethod(c.r.Method)]
		if !ok {
			return methodNotAllowed(allow)
		}
		c.code, c.kind, c.visible = row.code, kind, c.by.Visible(row.needs, kind.Name)
		if len(c.visible.Grants) == 0 {
			return errForbidden()
		}
		if err := c.negotiate(c.query); err != nil {
			return err
		}
		return row.run(a, c)
	})
}

func (a *api) dispatchSystem(methods map[string]func(*api, *call) error) http.HandlerFunc {
	allow := allowed(methods)
	return a.route(allow, func(c *call) error {
		run, ok := methods[readMethod(c.r.Method)]
		if !ok {
			return methodNotAllowed(allow)
		}
		if err := c.negotiate(c.query); err != nil {
			return err
		}
		return run(a, c)
	})
}

// route serves callers with a token, and anyone who asks what the route takes.
func (a *api) route(allow string, run func(*call) error) http.HandlerFunc {
	serve := a.closed(run)
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.Header()["Allow"] = []string{allow}
			w.WriteHeader(http.StatusNoContent)
			return
		}
		serve(w, r)
	}
}

// readMethod is the method that a request is served as: HEAD is a GET whose body net/http withholds.
func readMethod(method string) string {
	if method == http.MethodHead {
		return http.MethodGet
	}
	return method
}

// allowed lists the methods of one route for the Allow header.
func allowed[T any](methods map[string]T) string {
	names := []string{http.MethodOptions}
	for m := range methods {
		names = append(names, m)
		if m == http.MethodGet {
			names = append(names, http.MethodHead)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func noRoute(*call) error {
	return fhir.NewError(fhir.NotFound, "there is no such resource type, interaction or operation on this server")
}

// noMethod answers a method that HTTP does not know; those that it knows are told apart by dispatch.
func noMethod(*call) error { return methodNotAllowed("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT") }
