package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/auth/devissuer"
	"lightbox/dicom"
	"lightbox/dicom/dimse"
)

// sending is one thing that a client has to send until it is acknowledged.
type sending struct {
	channel string // "stow", "dimse", "mllp", "fhir"
	n       int
	body    []byte
	class   string // of an object
	uid     string // of an object, or the number of a report or patient
	study   string
}

// journal is what clients know: what was acknowledged, and what they do not know the end of.
type journal struct {
	mu      sync.Mutex
	acked   []sending
	unknown []sending
	next    int
	tried   int
}

// take gives a client of a channel what to send: first what it does not know the end of.
func (j *journal) take(channel string) sending {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tried++
	for i, s := range j.unknown {
		if s.channel == channel {
			j.unknown = append(j.unknown[:i:i], j.unknown[i+1:]...)
			return s
		}
	}
	j.next++
	return newSending(channel, j.next)
}

func (j *journal) end(s sending, acked bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if acked {
		j.acked = append(j.acked, s)
	} else {
		j.unknown = append(j.unknown, s)
	}
}

const killedClass = "1.2.840.10008.5.1.4.1.1.2"

func newSending(channel string, n int) sending {
	s := sending{channel: channel, n: n, uid: fmt.Sprint("K-", n), class: killedClass}
	switch channel {
	case "stow", "dimse":
		s.study = fmt.Sprint("1.2.826.7.", n/10) // ten to a study, of both channels
		s.uid = fmt.Sprint(s.study, ".1.", n)
		ds := dicom.NewDataset(
			dicom.NewText(dicom.MustPath("SOPClassUID").Tag(), "UI", s.class), dicom.NewText(dicom.MustPath("SOPInstanceUID").Tag(), "UI", s.uid),
			dicom.NewText(dicom.MustPath("Modality").Tag(), "CS", "CT"), dicom.NewText(dicom.MustPath("PatientID").Tag(), "LO", "P-"+s.study),
			dicom.NewText(dicom.MustPath("StudyInstanceUID").Tag(), "UI", s.study), dicom.NewText(dicom.MustPath("SeriesInstanceUID").Tag(), "UI", s.study+".1"),
			dicom.NewBytes(dicom.MustPath("PixelData").Tag(), "OW", bytes.Repeat([]byte{byte(n)}, 20_000)))
		s.body = ds.Encode()
	case "mllp":
		s.body = []byte(fmt.Sprintf("MSH|^~\\&|RIS|CITY|||20260601%06d||ORU^R01|%d|P|2.5.1\rPID|1||R-%d^^^CITY^MR\rOBR|1||%s^RIS|X^X ray^L|||||||||||||||||||||F\rOBX|1|TX|||Well.||||||F\r", n%1_000_000, n, n%7, s.uid))
	case "fhir":
		s.body = []byte(fmt.Sprintf(`{"resourceType":"Patient","identifier":[{"system":"urn:x:kill","value":%q}]}`, s.uid))
	}
	return s
}

// victim is a `lightbox serve` of its own process.
type victim struct {
	*journal
	args            []string
	origin          string
	dimseAt, mllpAt string
	token           string
	issuer          *devissuer.Issuer
	client          *http.Client
	startups        time.Duration
	starts          int
	ctx             context.Context
	lastStderr      *syncBuffer
}

// start runs the program until it answers, and returns how to kill it.
func (v *victim) start(t *testing.T) (kill func()) {
	t.Helper()
	began := time.Now()
	cmd := command(v.ctx, v.args...)
	v.lastStderr = &syncBuffer{}
	cmd.Stderr = v.lastStderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 1500 {
		response, err := v.client.Get(v.origin + "/readyz")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				v.startups += time.Since(began)
				v.starts++
				return func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	_ = cmd.Process.Kill()
	t.Fatalf("the hub does not start again\n%s", v.lastStderr)
	return nil
}

// feed sends on a channel until the hub is gone.
func (v *victim) feed(channel string) { v.feedSome(channel, nil) }

// feedSome sends on a channel until the connection breaks, or done.
func (v *victim) feedSome(channel string, done <-chan struct{}) {
	send := map[string]func() func(sending) (bool, error){
		"stow": v.stow, "fhir": v.fhir, "dimse": v.dimse, "mllp": v.mllp,
	}[channel]()
	for v.ctx.Err() == nil {
		select {
		case <-done:
			return
		default:
		}
		s := v.take(channel)
		acked, err := send(s)
		v.end(s, acked)
		if err != nil {
			return
		}
		if !acked {
			time.Sleep(5 * time.Millisecond) // as a client waits before it tries again
		}
	}
}

// feedThrough sends on a channel until done, whatever happens to the hub.
func (v *victim) feedThrough(channel string, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-v.ctx.Done():
			return
		default:
			v.feedSome(channel, done)
		}
	}
}

func (v *victim) post(path, contentType string, body []byte, header ...string) (int, []byte, error) {
	r, err := http.NewRequestWithContext(v.ctx, http.MethodPost, v.origin+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+v.token)
	r.Header.Set("Content-Type", contentType)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := v.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

func (v *victim) stow() func(sending) (bool, error) {
	return func(s sending) (bool, error) {
		status, answer, err := v.post("/dicom-web/studies", "application/dicom", fileOf(s))
		return err == nil && status == http.StatusOK && strings.Contains(string(answer), s.uid), err
	}
}

// fileOf is an object as a Part 10 file.
func fileOf(s sending) []byte {
	head := dicom.NewDataset(dicom.NewText(dicom.MustPath("SOPClassUID").Tag(), "UI", s.class), dicom.NewText(dicom.MustPath("SOPInstanceUID").Tag(), "UI", s.uid))
	head.TransferSyntax = "1.2.840.10008.1.2.1"
	return append(dicom.FileStart(head), s.body...)
}

func (v *victim) fhir() func(sending) (bool, error) {
	return func(s sending) (bool, error) {
		status, _, err := v.post("/fhir/Patient", "application/fhir+json", s.body, "If-None-Exist", "identifier=urn:x:kill|"+s.uid)
		return err == nil && (status == http.StatusCreated || status == http.StatusOK), err
	}
}

func (v *victim) dimse() func(sending) (bool, error) {
	conn, err := net.Dial("tcp", v.dimseAt)
	if err != nil {
		return func(sending) (bool, error) { return false, err }
	}
	a, err := dimse.Request(v.ctx, conn, "CT1", "LIGHTBOX", []dimse.Proposal{{Abstract: killedClass, Transfer: []string{"1.2.840.10008.1.2.1"}}})
	return func(s sending) (bool, error) {
		if err != nil {
			return false, err
		}
		in, _ := a.Context(killedClass)
		c := dimse.NewCommand(dimse.CStoreRQ)
		c.SetUID(dimse.AffectedSOPClassUID, s.class)
		c.SetUID(dimse.AffectedSOPInstanceUID, s.uid)
		if err = a.Send(in, c, bytes.NewReader(s.body)); err != nil {
			return false, err
		}
		var m dimse.Message
		m, err = a.Next()
		return err == nil && m.Command.Uint(dimse.Status) == 0, err
	}
}

func (v *victim) mllp() func(sending) (bool, error) {
	conn, err := net.Dial("tcp", v.mllpAt)
	if err != nil {
		return func(sending) (bool, error) { return false, err }
	}
	r := bufio.NewReader(conn)
	return func(s sending) (bool, error) {
		if _, err := conn.Write(append(append([]byte{0x0B}, s.body...), 0x1C, '\r')); err != nil {
			return false, err
		}
		answer, err := r.ReadString(0x1C)
		return err == nil && strings.Contains(answer, "MSA|AA|"+strconv.Itoa(s.n)), err
	}
}

// killRounds is how often a hub is killed on each database: few by themselves, many by make kills.
func killRounds() int {
	if n, err := strconv.Atoi(os.Getenv("LIGHTBOX_KILLS")); err == nil {
		return n
	}
	return 30
}

// Killed at random moments while four channels feed it, the hub has lost nothing that it acknowledged, and has nothing twice.
func TestServeSurvivesKill(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: kills are many")
	}
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, database(t))
			for range killRounds() {
				kill := v.start(t)
				var feeding sync.WaitGroup
				for _, channel := range []string{"stow", "dimse", "mllp", "fhir"} {
					feeding.Go(func() { v.feed(channel) })
				}
				time.Sleep(time.Duration(50+rand.IntN(350)) * time.Millisecond)
				kill()
				feeding.Wait()
			}
			before := len(v.acked)
			defer v.start(t)()
			v.verify(t)
			t.Logf("%d kills, %d sendings tried, %d acknowledged before the last start, %d of unknown end; a start took %v on average",
				killRounds(), v.tried, before, len(v.unknown), (v.startups / time.Duration(v.starts)).Round(time.Millisecond))
			if before < killRounds() {
				t.Error("too little was acknowledged for this to show anything")
			}
		})
	}
}

func newVictim(t *testing.T, database string) *victim {
	t.Helper()
	issuer := startIssuer(t)
	v := &victim{journal: &journal{}, issuer: issuer, client: &http.Client{Timeout: 20 * time.Second}, ctx: t.Context(), dimseAt: freeAddress(t), mllpAt: freeAddress(t)}
	address := freeAddress(t)
	v.origin = "http://" + address
	v.args = []string{"serve", "--listen", address, "--issuer", issuer.Metadata().Issuer, "--database", database, "--archive", t.TempDir(), "--id-key", testKey,
		"--dimse", v.dimseAt, "--dimse-peer", "CT1=", "--mllp", v.mllpAt, "--log-level", "error"}
	v.token = v.tokenOf(t, map[string]any{"sub": "emr", "scope": "system/*.cruds"})
	return v
}

// tokenOf is a token of the hub's issuer.
func (v *victim) tokenOf(t *testing.T, claims map[string]any) string {
	t.Helper()
	claims["aud"] = v.origin + "/fhir"
	token, err := v.issuer.Token(claims, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// verify compares the journal with the hub.
func (v *victim) verify(t *testing.T) {
	t.Helper()
	studies := map[string]int{}
	for _, s := range v.acked {
		if s.study != "" {
			studies[s.study]++
		}
	}
	for study, least := range studies {
		v.waitFor(t, study, least)
	}
	lost := 0
	for _, s := range v.acked {
		if problem := v.missing(t, s); problem != "" {
			if lost++; lost <= 5 {
				t.Errorf("%s %s was acknowledged: %s", s.channel, s.uid, problem)
			}
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged are lost or twice", lost, len(v.acked))
	}
}

// waitFor waits until a study is built with all that was acknowledged of it: it settles after quiet time.
func (v *victim) waitFor(t *testing.T, study string, least int) {
	t.Helper()
	for range 200 {
		_, body := fetch(t, v.origin+"/fhir/ImagingStudy?identifier=urn:dicom:uid|urn:oid:"+study, v.token)
		if gjson.GetBytes(body, "entry.#").Int() == 1 && gjson.GetBytes(body, "entry.0.resource.numberOfInstances").Int() >= int64(least) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("study %s has not %d instances", study, least)
}

// missing tells what is wrong with something that was acknowledged; "" when nothing is.
func (v *victim) missing(t *testing.T, s sending) string {
	t.Helper()
	once := func(query string) string {
		status, body := fetch(t, v.origin+"/fhir/"+query, v.token)
		if n := gjson.GetBytes(body, "entry.#").Int(); status != http.StatusOK || n != 1 {
			return fmt.Sprintf("it is there %d times (status %d)", n, status)
		}
		return ""
	}
	switch s.channel {
	case "mllp":
		return once("DiagnosticReport?identifier=" + s.uid)
	case "fhir":
		return once("Patient?identifier=urn:x:kill|" + s.uid)
	}
	status, body := fetch(t, v.origin+"/dicom-web/studies/"+s.study+"/series/"+s.study+".1/instances/"+s.uid, v.token)
	if status != http.StatusOK || !bytes.Contains(body, s.body) {
		return fmt.Sprintf("status %d, or other bytes", status)
	}
	status, body = fetch(t, v.origin+"/dicom-web/instances?StudyInstanceUID="+s.study+"&SOPInstanceUID="+s.uid, v.token)
	var found []json.RawMessage
	if err := json.Unmarshal(body, &found); status != http.StatusOK || err != nil || len(found) != 1 {
		return fmt.Sprintf("%d instances (status %d)", len(found), status)
	}
	return ""
}
