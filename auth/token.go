package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// token is what can be read of a JWT before its signature is verified: enough to find the issuer, and to be believed only
// afterwards.
type token struct {
	issuer string
	typ    string // of the header
}

// parseToken takes the compact form of a JWS alone: the JSON forms carry headers that no signature covers.
func parseToken(raw string) (token, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || strings.ContainsAny(raw, "\r\n") { // which base64 decoders pass over
		return token{}, errors.New("not three parts")
	}
	var header struct {
		Typ string `json:"typ"`
	}
	if err := decodePart(parts[0], &header); err != nil {
		return token{}, err
	}
	var payload claims
	if err := decodePart(parts[1], &payload); err != nil {
		return token{}, err
	}
	t := token{typ: strings.ToLower(strings.TrimPrefix(header.Typ, "application/"))}
	return t, payload.text("iss", &t.issuer)
}

func decodePart(part string, into any) error {
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return errors.New("not base64url")
	}
	return decode(json.RawMessage(text), into)
}

// isAccessToken tells access tokens from the ID tokens and logout tokens of the same issuer, which are signed with the same keys
// and travel through more hands. RFC 9068 types its tokens; of others, an ID token shows by what only it has.
func (t token) isAccessToken(c claims) bool {
	switch t.typ {
	case "at+jwt":
		return true
	case "", "jwt":
	default:
		return false
	}
	var kind string // Keycloak types its tokens in the payload
	if err := c.text("typ", &kind); err != nil {
		return false
	}
	if strings.EqualFold(kind, "Bearer") {
		return true
	}
	return kind == "" && !c.has("nonce") && !c.has("at_hash") && !c.has("c_hash") && !c.has("events")
}
