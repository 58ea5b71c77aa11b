package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lightbox/dicom/dimse"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string // of its certificate
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{certificate: &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}}
	a.file, _, a.key = a.sign(t, name, a.certificate, nil)
	return a
}

// sign returns the files of a new certificate and its key; by itself where signer is nil.
func (a *authority) sign(t *testing.T, name string, template *x509.Certificate, signer *ecdsa.PrivateKey) (certificate, keyFile string, key *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if signer == nil {
		signer = key
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for file, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, keyFile, key
}

func (a *authority) issue(t *testing.T, name string) (certificate, key string) {
	t.Helper()
	certificate, key, _ = a.sign(t, name, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, a.key)
	return certificate, key
}

// TestCallersShowCertificates has the addresses of DICOM and HL7 v2 take callers whose certificate the authority of the hub has signed, and nobody
// else: none without a certificate, with one of another authority, or without TLS.
func TestCallersShowCertificates(t *testing.T) {
	city := newAuthority(t, "city")
	cert, key := city.issue(t, "hub")
	known, knownKey := city.issue(t, "clinic")
	stranger, strangerKey := newAuthority(t, "elsewhere").issue(t, "stranger")
	dimseAt, mllpAt := freeAddress(t), freeAddress(t)
	h, _ := startServe(t, "--database", databases["sqlite"](t), "--archive", t.TempDir(), "--id-key", testKey,
		"--dimse", dimseAt, "--dimse-peer", "CT1=", "--dimse-cert", cert, "--dimse-key", key, "--dimse-client-ca", city.file,
		"--mllp", mllpAt, "--mllp-cert", cert, "--mllp-key", key, "--mllp-client-ca", city.file)

	trusted := x509.NewCertPool()
	trusted.AddCert(parse(t, city.file))
	dial := func(address, certificate, key string) (net.Conn, error) {
		config := &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}
		if certificate != "" {
			pair, err := tls.LoadX509KeyPair(certificate, key)
			if err != nil {
				t.Fatal(err)
			}
			config.Certificates = []tls.Certificate{pair}
		}
		return tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", address, config)
	}
	plain := func(address, _, _ string) (net.Conn, error) { return net.DialTimeout("tcp", address, 10*time.Second) }
	for _, caller := range []struct {
		name             string
		dial             func(address, certificate, key string) (net.Conn, error)
		certificate, key string
		taken            bool
	}{
		{"known", dial, known, knownKey, true},
		{"of another authority", dial, stranger, strangerKey, false},
		{"without a certificate", dial, "", "", false},
		{"without TLS", plain, "", "", false},
	} {
		for address, talk := range map[string]func(context.Context, net.Conn) error{dimseAt: associate, mllpAt: acknowledged} {
			conn, err := caller.dial(address, caller.certificate, caller.key)
			if err == nil {
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				err = talk(t.Context(), conn)
				conn.Close()
			}
			if (err == nil) != caller.taken {
				t.Errorf("%s at %s: %v", caller.name, address, err)
			}
		}
	}

	tick := time.NewTicker(20 * time.Millisecond) // who is turned away may know before it is on record
	defer tick.Stop()
	for tries := 0; ; tries++ {
		if n := len(h.auditEvents(t, "type=110113&outcome=8")); n == 6 {
			break
		} else if tries == 500 {
			t.Fatalf("%d of the 6 who were turned away are on record", n)
		}
		<-tick.C
	}

	if got := h.auditEvents(t, "agent:identifier="+url.QueryEscape(`urn:lightbox:hl7v2-sender|CITY\|RIS`)); len(got) != 1 || got[0].Get("subtype.0.code").Str != "A08" {
		t.Errorf("the message of who is known: %v", got)
	}

	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Log("left out: dcmtk, which LIGHTBOX_TEST_PEERS=1 wants")
		return
	}
	_, port, _ := strings.Cut(dimseAt, ":")
	echo := func(certificate, key string) ([]byte, error) {
		return exec.Command("echoscu", "-aet", "CT1", "-aec", "LIGHTBOX", "+tls", key, certificate, "+cf", city.file, "127.0.0.1", port).CombinedOutput()
	}
	if out, err := echo(known, knownKey); err != nil {
		t.Errorf("echoscu: %v\n%s", err, out)
	}
	if out, err := echo(stranger, strangerKey); err == nil {
		t.Errorf("echoscu as a stranger was answered\n%s", out)
	}
}

func associate(ctx context.Context, conn net.Conn) error {
	a, err := dimse.Request(ctx, conn, "CT1", "LIGHTBOX", []dimse.Proposal{{Abstract: "1.2.840.10008.1.1", Transfer: []string{"1.2.840.10008.1.2"}}})
	if err == nil {
		err = a.Release()
	}
	return err
}

func acknowledged(_ context.Context, conn net.Conn) error {
	const text = "\x0bMSH|^~\\&|RIS|CITY|HUB|CITY|20260601120000+0300||ADT^A08|1|P|2.5\rPID|1||P-1^^^CITY^MR||Doe^Jane\r\x1c\r"
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err == nil && !strings.Contains(string(answer[:n]), "MSA|AA|1") {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func parse(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
