package auth

import (
	"sync"
	"time"

	"lightbox/fhir"
)

// Fairness keeps one program from taking what others need: it bounds how many requests of a client are served at once, and how many
// begin within a second. Zero bounds nothing. It is safe for concurrent use.
type Fairness struct {
	AtOnce    int
	PerSecond int
	Clock     func() time.Time

	mu      sync.Mutex
	clients map[string]*clientUse
}

// clientUse is what a client takes now.
type clientUse struct {
	running int
	second  int64
	begun   int
}

// Admit lets a caller's request begin; done has to be called at its end. The error is a *fhir.Error with Throttled.
func (f *Fairness) Admit(p *Principal) (done func(), err error) {
	if f == nil || f.AtOnce <= 0 && f.PerSecond <= 0 {
		return func() {}, nil
	}
	key := p.Issuer + "\x00" + p.Client
	if p.Client == "" {
		key = p.Issuer + "\x00\x00" + p.Subject
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	use := f.use(key)
	switch {
	case f.AtOnce > 0 && use.running >= f.AtOnce:
		return nil, fhir.NewError(fhir.Throttled, "too many requests of this client are being served; wait for one to end")
	case f.PerSecond > 0 && use.begun >= f.PerSecond:
		return nil, fhir.NewError(fhir.Throttled, "too many requests of this client within a second")
	}
	use.running++
	use.begun++
	return func() { f.end(use) }, nil
}

// use returns what a client takes in this second. Those that take nothing are forgotten when there are many.
func (f *Fairness) use(key string) *clientUse {
	now := time.Now
	if f.Clock != nil {
		now = f.Clock
	}
	second := now().Unix()
	if f.clients == nil {
		f.clients = map[string]*clientUse{}
	}
	use := f.clients[key]
	if use == nil {
		if len(f.clients) >= rememberMost {
			for one, u := range f.clients {
				if u.running == 0 && u.second != second {
					delete(f.clients, one)
				}
			}
		}
		use = &clientUse{}
		f.clients[key] = use
	}
	if use.second != second {
		use.second, use.begun = second, 0
	}
	return use
}

func (f *Fairness) end(use *clientUse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	use.running--
}
