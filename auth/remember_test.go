package auth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"lightbox/auth"
)

// What is remembered stops to hold when the token does, and soon after its key was taken back.
func TestRemember(t *testing.T) {
	p := newProvider(t)
	m := auth.Remember(p.verifier(t))
	token := p.mustToken(t, map[string]any{"sub": "s", "scope": "system/*.rs"})
	short, err := p.Token(map[string]any{"sub": "short", "scope": "system/*.rs"}, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	holds := func(token string) bool {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, base+"/Patient", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		_, err := m.Verify(t.Context(), r)
		return err == nil
	}
	for _, step := range []struct {
		name  string
		do    func()
		token string
		want  bool
	}{
		{"new", func() {}, token, true},
		{"seen before", func() {}, token, true},
		{"altered", func() {}, token[:len(token)-4] + "AAAA", false},
		{"short, new", func() {}, short, true},
		{"short, over", func() { p.advance(66 * time.Second) }, short, false}, // 5 s and the leeway
		{"long, still", func() {}, token, true},
		{"key taken back, within the memory", func() {
			if err := p.Rotate(); err != nil {
				t.Fatal(err)
			}
			p.advance(10 * time.Second)
		}, token, true},
		{"key taken back, the set is renewed", func() {
			p.advance(11 * time.Minute)
			holds(token) // starts the renewal, which a token of the new key waits for
			if !holds(p.mustToken(t, map[string]any{"scope": "system/*.rs"})) {
				t.Error("a token of the new key does not hold")
			}
		}, p.mustToken(t, map[string]any{"scope": "system/*.rs"}), false},
		{"key taken back, beyond the memory", func() { p.advance(time.Minute) }, token, false},
	} {
		step.do()
		if got := holds(step.token); got != step.want {
			t.Errorf("%s: holds %v, want %v", step.name, got, step.want)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	p := newProvider(b)
	token, err := p.Token(map[string]any{"sub": "s", "scope": "system/*.rs"}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, base+"/Patient", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	plain := p.verifier(b)
	for name, v := range map[string]auth.Verifier{"signature": plain, "remembered": auth.Remember(plain)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := v.Verify(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
