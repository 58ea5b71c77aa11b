package dimse

import (
	"net"
	"syscall"
)

// prompt has what came acknowledged at once. A peer that leaves Nagle's algorithm on and writes a PDU in pieces, as dcmtk does, sends the
// second when the first is acknowledged, and a kernel that has nothing to send waits 40 ms with that.
func prompt(conn net.Conn) {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) // a hint
	})
}
