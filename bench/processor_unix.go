//go:build unix

package bench

import (
	"syscall"
	"time"
)

// processor is the processor time that this process has used, clients and servers together: on a machine that others use as well
// it tells more than the clock.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
