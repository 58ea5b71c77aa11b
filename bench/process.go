package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// Bounds of starting a process.
const (
	startWithin = 30 * time.Second
	stopWithin  = 30 * time.Second
	leastStarts = 3
	mostStarts  = 10
	pollEvery   = 2 * time.Millisecond
	quiet       = time.Second // that a process is left alone for, before its memory is read
)

// start starts real processes on the loaded database: how long until they answer, and what memory they hold before anybody asks.
func (r *run) start(ctx context.Context) error {
	var ready, nothing tally
	var memory []int64
	until := time.Now().Add(r.Each)
	for n := 0; n < leastStarts || n < mostStarts && time.Now().Before(until); n++ {
		took, resident, err := r.startOnce(ctx)
		if err != nil {
			return err
		}
		ready.latencies, memory = append(ready.latencies, took), append(memory, resident)
		begin := time.Now()
		if err := r.Nothing(ctx).Run(); err != nil {
			return err
		}
		nothing.latencies = append(nothing.latencies, time.Since(begin))
	}
	row := Row{
		Name: "start to ready", N: int64(len(memory)), Value: ready.percentile(50) / 1000, Unit: "s", P50: ready.percentile(50), P99: ready.percentile(99),
		Against: "a process that does nothing",
	}
	row.limit(nothing.percentile(50) / 1000)
	idle := Row{Name: "idle memory", N: int64(len(memory)), Value: float64(memory[len(memory)-1]) / 1e6, Unit: "MB"}
	if idle.Value == 0 {
		idle.Note = "not told by this system"
	}
	r.add(row, idle)
	return nil
}

// startOnce starts a process, waits until it is ready and quiet, and stops it.
func (r *run) startOnce(ctx context.Context) (took time.Duration, resident int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin+stopWithin)
	defer cancel()
	cmd := r.Serve(ctx, "127.0.0.1:0")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopWithin
	log, err := cmd.StderrPipe()
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, stopProcess(cmd, log)) }()
	address, err := listening(log)
	if err != nil {
		return 0, 0, err
	}
	if err := waitReady(ctx, "http://"+address+"/readyz"); err != nil {
		return 0, 0, err
	}
	took = time.Since(begin)
	select {
	case <-time.After(min(quiet, r.Each)):
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	resident, err = residentBytes(cmd.Process.Pid)
	return took, resident, err
}

// listening reads the log up to the line that tells the address.
func listening(log io.Reader) (address string, err error) {
	var all bytes.Buffer
	lines := bufio.NewScanner(io.TeeReader(log, &all))
	for lines.Scan() {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
			return line.Address, nil
		}
	}
	return "", fmt.Errorf("the process did not listen: %s", all.String())
}

func waitReady(ctx context.Context, url string) error {
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stopProcess asks the process to end, and reads its log to the end meanwhile.
func stopProcess(cmd *exec.Cmd, log io.Reader) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_, err := io.Copy(io.Discard, log)
	return errors.Join(err, cmd.Wait())
}

// residentBytes is the memory that a process holds, 0 where the system has no /proc to tell.
func residentBytes(pid int) (int64, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		fields := bytes.Fields(line)
		if len(fields) == 3 && string(fields[0]) == "VmRSS:" {
			kilobytes, err := strconv.ParseInt(string(fields[1]), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, nil
}
