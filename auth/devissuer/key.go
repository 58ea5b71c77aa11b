package devissuer

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"
)

const keyBits = 2048

// loadKey reads the key file, or makes it. Of two processes that make it at the same time one wins, and both use its key.
func loadKey(path string) (*rsa.PrivateKey, error) {
	if path != "" {
		key, err := readKey(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return key, err
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil || path == "" {
		return key, err
	}
	name, err := writeKey(path, key)
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(name) }()
	if err := os.Link(name, path); errors.Is(err, fs.ErrExist) {
		return readKey(path)
	} else if err != nil {
		return nil, err
	}
	return key, nil
}

// replaceKey puts another key into the file.
func replaceKey(path string, key *rsa.PrivateKey) error {
	if path == "" {
		return nil
	}
	name, err := writeKey(path, key)
	if err != nil {
		return err
	}
	return os.Rename(name, path)
}

// writeKey writes the key to a new file beside path, whole or not at all, and returns its name.
func writeKey(path string, key *rsa.PrivateKey) (name string, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return "", err
	}
	err = errors.Join(pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der}), f.Sync(), f.Close())
	if err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

func readKey(path string) (*rsa.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key file %s may be read by others: its mode must be 0600", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("key file %s is not PEM", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	rsaKey, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key file %s does not hold an RSA key", path)
	}
	return rsaKey, nil
}

// keyID is the key's thumbprint (RFC 7638), so that two processes with one file agree on it.
func keyID(key *rsa.PrivateKey) string {
	jwk := jose.JSONWebKey{Key: key.Public()}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}
