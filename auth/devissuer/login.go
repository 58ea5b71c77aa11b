package devissuer

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// transaction is a login under way. Each page has an id of its own, which counts once.
type transaction struct {
	request
	subject string // of who logged in; empty before that
}

const transactionLife = 10 * time.Minute

// start goes to the first page that is needed, or to none.
func (i *Issuer) start(w http.ResponseWriter, r *http.Request, q request) {
	t := transaction{request: q}
	if again := slices.Contains(q.prompt, "login") || slices.Contains(q.prompt, "select_account"); q.context.User != "" && !again {
		i.identify(w, r, t, q.context.User)
		return
	}
	if slices.Contains(q.prompt, "none") {
		i.sendBack(w, q, url.Values{}, refuse("login_required", "nobody is logged in"))
		return
	}
	users, err := i.config.Users(r.Context())
	if err != nil {
		i.sendBack(w, q, url.Values{}, err)
		return
	}
	i.show(w, t, loginPage(t, users))
}

// show sends a page whose form goes on with the transaction.
func (i *Issuer) show(w http.ResponseWriter, t transaction, p page) {
	p.Transaction = rand.Text()
	i.transactions.put(p.Transaction, t, i.config.Clock().Add(transactionLife))
	p.Action = i.config.URL + p.Action
	p.write(w, http.StatusOK, t.redirectURI)
}

// resume takes the transaction that a form belongs to.
func (i *Issuer) resume(w http.ResponseWriter, r *http.Request) (transaction, url.Values, bool) {
	form, err := readForm(w, r)
	if err != nil {
		errorPage(w, err)
		return transaction{}, nil, false
	}
	t, ok := i.transactions.take(form.Get("transaction"))
	if !ok {
		errorPage(w, refuse("invalid_request", "this login is over; start again at the application"))
		return transaction{}, nil, false
	}
	if form.Get("cancel") != "" {
		i.sendBack(w, t.request, url.Values{}, refuse("access_denied", "the user cancelled"))
		return transaction{}, nil, false
	}
	return t, form, true
}

// login takes the form of the login page.
func (i *Issuer) login(w http.ResponseWriter, r *http.Request) {
	if t, form, ok := i.resume(w, r); ok {
		i.identify(w, r, t, form.Get("user"))
	}
}

// identify goes on as a user.
func (i *Issuer) identify(w http.ResponseWriter, r *http.Request, t transaction, subject string) {
	user, err := i.user(r, t, subject)
	if err != nil {
		i.sendBack(w, t.request, url.Values{}, err)
		return
	}
	t.subject = subject
	switch {
	case !t.needsPatient():
		i.finish(w, t, user, "")
	case t.context.Patient != "":
		i.finish(w, t, user, t.context.Patient)
	case len(user.Patients) == 1:
		i.finish(w, t, user, user.Patients[0].ID)
	case len(user.Patients) == 0:
		i.sendBack(w, t.request, url.Values{}, refuse("access_denied", "the user has no patient to choose"))
	case slices.Contains(t.prompt, "none"):
		i.sendBack(w, t.request, url.Values{}, refuse("interaction_required", "a patient must be chosen"))
	default:
		i.show(w, t, patientPage(t, user))
	}
}

// user finds who logs in, which must be the one of the launch if that names one.
func (i *Issuer) user(r *http.Request, t transaction, subject string) (User, error) {
	user, ok, err := i.config.user(r.Context(), subject)
	if err != nil {
		return User{}, err
	}
	if !ok || t.context.User != "" && t.context.User != subject {
		return User{}, refuse("access_denied", "the user is unknown, or not the one of the launch")
	}
	return user, nil
}

// needsPatient: the context of a launch has one, launch/patient asks for one, and patient/ scopes mean nothing without.
func (t transaction) needsPatient() bool {
	return t.context.Patient != "" || slices.ContainsFunc(t.scopes, func(s string) bool {
		return s == "launch/patient" || strings.HasPrefix(s, "patient/")
	})
}

// choosePatient takes the form of the patient picker.
func (i *Issuer) choosePatient(w http.ResponseWriter, r *http.Request) {
	t, form, ok := i.resume(w, r)
	if !ok {
		return
	}
	user, err := i.user(r, t, t.subject)
	if err == nil && form.Get("patient") == "" {
		err = refuse("access_denied", "no patient was chosen")
	}
	if err != nil {
		i.sendBack(w, t.request, url.Values{}, err)
		return
	}
	i.finish(w, t, user, form.Get("patient"))
}

// finish sends the client a code for what was granted.
func (i *Issuer) finish(w http.ResponseWriter, t transaction, user User, patient string) {
	if patient != "" && !slices.ContainsFunc(user.Patients, func(p Patient) bool { return p.ID == patient }) {
		i.sendBack(w, t.request, url.Values{}, refuse("access_denied", "the user may not choose the patient"))
		return
	}
	if t.launch != "" {
		if _, ok := i.launches.take(t.launch); !ok {
			i.sendBack(w, t.request, url.Values{}, refuse("invalid_request", "launch is over"))
			return
		}
	}
	user.Patients = nil // no token tells them
	code := i.begin(grant{
		client: t.client.ID, redirectURI: t.redirectURI, challenge: t.challenge, nonce: t.nonce,
		user: user, scopes: t.scopes, patient: patient, encounter: t.context.Encounter,
	})
	i.sendBack(w, t.request, url.Values{"code": {code}}, nil)
}

// noLogin answers where nobody can log in.
func noLogin(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotImplemented)
	_, _ = w.Write([]byte("This is the demo's issuer: it has no login. Make a token with: lightbox token --dir DIR --scope SCOPE\n"))
}
