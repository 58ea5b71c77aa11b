// Package links hands out the images of a study by a link: whoever may see the study asks for one, and whoever has it downloads the
// objects as a DICOM File-set, or looks at them on a page, for some days. A link has the rights of who asked for it, found out anew each
// time it is used, and of those only one study: it dies with them. Its URL says nothing of anybody, and only hashes of its secret and
// passcode are kept.
package links

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/fhir"
	"lightbox/fhir/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema returns the tables that the package keeps in the store's database.
func Schema() store.Schema { return store.EmbeddedSchema("links", migrations) }

// Links keeps links. The zero values of Life and Clock are the defaults.
type Links struct {
	Store store.Store
	Audit *audit.Log // nil: nothing is recorded, which is for tests alone
	// Resolve finds out what a caller may do now; nil: what the caller could when asking.
	Resolve func(ctx context.Context, p *auth.Principal) (*auth.Principal, error)
	Base    string        // public URL below which links are, without trailing slash: "https://hub.example/links"
	Life    time.Duration // default 5 days
	Clock   func() time.Time

	unlocked memory
}

// DefaultLife is how long a link holds.
const DefaultLife = 5 * 24 * time.Hour

// Purpose is what a link is for.
type Purpose string

// Purposes: a ZIP with a File-set, or a page that shows the images and hands out no file.
const (
	Download Purpose = "download"
	View     Purpose = "view"
)

// IsKnown reports whether links are made for a purpose.
func (p Purpose) IsKnown() bool { return p == Download || p == View }

// Link is what is known of a link. Its URL is known to who asked for it alone.
type Link struct {
	ID       string
	Study    string // "ImagingStudy/<id>"
	Patient  string // "Patient/<id>" whose study it is
	Purpose  Purpose
	Locked   bool // it takes a passcode
	Created  time.Time
	Expires  time.Time
	Revoked  time.Time // zero: it was not
	Uses     int64
	secret   string
	passcode string
	caller   string
	failures int64
}

// Holds reports whether a link can be used.
func (l Link) Holds(now time.Time) bool {
	return l.Revoked.IsZero() && now.Before(l.Expires) && l.failures < maxFailures
}

// Errors of links.
var (
	ErrNoLink   = errors.New("links: no link that holds") // absent, expired, revoked, or of somebody who may no longer: nobody can tell which
	ErrPasscode = errors.New("links: the passcode is missing or wrong")
)

// maxFailures is how many wrong passcodes a link takes.
const maxFailures = 10

// Bounds of a passcode.
const (
	minPasscode = 4
	maxPasscode = 64
)

// CheckPasscode tells what is wrong with a passcode that somebody chose.
func CheckPasscode(text string) error {
	if text != "" && (len(text) < minPasscode || len(text) > maxPasscode) {
		return fmt.Errorf("a passcode has %d to %d bytes", minPasscode, maxPasscode)
	}
	return nil
}

// Wish is what somebody asks of a link.
type Wish struct {
	Purpose  Purpose
	Passcode string // "": none is asked for
}

// Make makes a link to a study that the caller sees, and returns its URL.
func (l *Links) Make(ctx context.Context, by *auth.Principal, study fhir.Resource, of Wish, told audit.Event) (Link, string, error) {
	caller, err := encodeCaller(by)
	if err != nil {
		return Link{}, "", err
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return Link{}, "", err
	}
	text := base64.RawURLEncoding.EncodeToString(secret)
	now := l.now()
	made := Link{ID: uuid.NewString(), Study: study.Reference(), Patient: study.Patient, Purpose: of.Purpose, Locked: of.Passcode != "", Created: now,
		Expires: now.Add(l.life()), secret: hashOf(text), caller: caller}
	if made.passcode, err = hashPasscode(of.Passcode); err != nil {
		return Link{}, "", err
	}
	err = l.Store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO image_link (id, secret, study, patient, purpose, passcode, caller, maker, created, expires, revoked, uses, failures)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0)`,
			made.ID, made.secret, made.Study, made.Patient, string(made.Purpose), made.passcode, made.caller, maker(by), made.Created.UnixMicro(), made.Expires.UnixMicro())
		if err != nil {
			return err
		}
		return l.record(ctx, tx, told)
	})
	return made, l.Base + "/" + text, err
}

func (l *Links) record(ctx context.Context, tx store.Tx, e audit.Event) error {
	if l.Audit == nil {
		return nil
	}
	return l.Audit.Append(ctx, tx, e)
}

// List returns the links to a study that a caller has asked for, newest first; all of them to who sees everything.
func (l *Links) List(ctx context.Context, by *auth.Principal, study string, all bool) (list []Link, err error) {
	err = l.Store.View(ctx, func(tx store.SQL) error {
		list, err = query(ctx, tx, "WHERE study = $1 AND (maker = $2 OR $3 = 1) ORDER BY created DESC, id LIMIT 200", study, maker(by), flag(all))
		return err
	})
	return list, err
}

// Revoke ends a link that the caller has asked for, or any of the study where all is set. ErrNoLink.
func (l *Links) Revoke(ctx context.Context, by *auth.Principal, study, id string, all bool, told audit.Event) (revoked Link, err error) {
	err = l.Store.Write(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE image_link SET revoked = $1 WHERE id = $2 AND study = $3 AND revoked = 0 AND (maker = $4 OR $5 = 1)",
			l.now().UnixMicro(), id, study, maker(by), flag(all))
		if err != nil {
			return err
		}
		list, err := query(ctx, tx, "WHERE id = $1 AND study = $2 AND (maker = $3 OR $4 = 1)", id, study, maker(by), flag(all))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return ErrNoLink
		}
		if revoked = list[0]; n == 0 {
			return nil // it was before
		}
		return l.record(ctx, tx, told)
	})
	return revoked, err
}

// Open returns a link by the secret of its URL, with who asked for it as far as they may now. Errors are ErrNoLink and ErrPasscode; the
// latter comes with the link.
func (l *Links) Open(ctx context.Context, secret, passcode string) (link Link, by *auth.Principal, err error) {
	var found []Link
	err = l.Store.View(ctx, func(tx store.SQL) error {
		found, err = query(ctx, tx, "WHERE secret = $1", hashOf(secret))
		return err
	})
	if err != nil {
		return Link{}, nil, err
	}
	if len(found) == 0 || !found[0].Holds(l.now()) {
		return Link{}, nil, ErrNoLink
	}
	if link = found[0]; link.Locked {
		if err := l.unlock(ctx, link, passcode); err != nil {
			return link, nil, err
		}
	}
	if by, err = decodeCaller(link.caller); err != nil {
		return Link{}, nil, err
	}
	if l.Resolve != nil {
		by, err = l.Resolve(ctx, by)
	}
	return link, by, err
}

// unlock counts wrong passcodes, before it compares: several at once get no more tries than one after the other.
func (l *Links) unlock(ctx context.Context, link Link, passcode string) error {
	if passcode == "" {
		return ErrPasscode
	}
	if l.unlocked.knows(link.passcode, passcode) {
		return nil
	}
	count := func(by int) (n int64, err error) {
		err = l.Store.Write(ctx, func(tx store.Tx) error {
			n, err = tx.Exec(ctx, "UPDATE image_link SET failures = failures + $1 WHERE id = $2 AND failures < $3", by, link.ID, maxFailures+1-by)
			return err
		})
		return n, err
	}
	n, err := count(1)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrNoLink
	}
	if !matches(link.passcode, passcode) {
		return ErrPasscode
	}
	l.unlocked.add(link.passcode, passcode)
	_, err = count(-1)
	return err
}

// Used counts a download that begins, or a page that opens.
func (l *Links) Used(ctx context.Context, id string) error {
	return l.Store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE image_link SET uses = uses + 1 WHERE id = $1", id)
		return err
	})
}

func query(ctx context.Context, tx store.SQL, where string, args ...any) (list []Link, err error) {
	err = tx.Query(ctx, "SELECT id, secret, study, patient, purpose, passcode, caller, created, expires, revoked, uses, failures FROM image_link "+where, args,
		func(scan func(...any) error) error {
			var l Link
			var created, expires, revoked int64
			err := scan(&l.ID, &l.secret, &l.Study, &l.Patient, (*string)(&l.Purpose), &l.passcode, &l.caller, &created, &expires, &revoked, &l.Uses, &l.failures)
			l.Created, l.Expires, l.Locked = time.UnixMicro(created).UTC(), time.UnixMicro(expires).UTC(), l.passcode != ""
			if revoked != 0 {
				l.Revoked = time.UnixMicro(revoked).UTC()
			}
			list = append(list, l)
			return err
		})
	return list, err
}

func (l *Links) now() time.Time {
	if l.Clock == nil {
		return time.Now()
	}
	return l.Clock()
}

func (l *Links) life() time.Duration {
	if l.Life == 0 {
		return DefaultLife
	}
	return l.Life
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// hashOf is what is kept of a secret of 256 random bits.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// iterations make a passcode, which people choose, dear to guess for who has the database.
const iterations = 200_000

func hashPasscode(passcode string) (string, error) {
	if passcode == "" {
		return "", nil
	}
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	sum, err := pbkdf2.Key(sha256.New, passcode, salt, iterations, sha256.Size)
	return hex.EncodeToString(salt) + ":" + hex.EncodeToString(sum), err
}

func matches(kept, passcode string) bool {
	salt, want, _ := strings.Cut(kept, ":")
	raw, err := hex.DecodeString(salt)
	if err != nil || len(passcode) > maxPasscode {
		return false
	}
	sum, err := pbkdf2.Key(sha256.New, passcode, raw, iterations, sha256.Size)
	return err == nil && subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum)), []byte(want)) == 1
}

// maker tells one caller's links from another's: the same person by the same program.
func maker(by *auth.Principal) string {
	text, err := json.Marshal([]string{by.Issuer, by.Subject, by.Client, by.FHIRUser, by.Organization})
	if err != nil {
		panic(err) // they are texts
	}
	return hashOf(string(text))
}

// caller is a Principal as it is kept.
type caller struct {
	Issuer, Subject, Client, Patient, FHIRUser, Organization string
	Roles                                                    []string
	Scopes                                                   string
}

func encodeCaller(p *auth.Principal) (string, error) {
	var scopes []string
	for _, s := range p.Scopes {
		scopes = append(scopes, s.String())
	}
	text, err := json.Marshal(caller{p.Issuer, p.Subject, p.Client, p.Patient, p.FHIRUser, p.Organization, p.Roles, strings.Join(scopes, " ")})
	return string(text), err
}

func decodeCaller(text string) (*auth.Principal, error) {
	var c caller
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return nil, err
	}
	scopes, err := auth.ParseScopes(c.Scopes)
	return &auth.Principal{Issuer: c.Issuer, Subject: c.Subject, Client: c.Client, Patient: c.Patient, FHIRUser: c.FHIRUser, Organization: c.Organization,
		Roles: c.Roles, Scopes: scopes}, err
}
