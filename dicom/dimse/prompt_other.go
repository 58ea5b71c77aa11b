//go:build !linux

package dimse

import "net"

func prompt(net.Conn) {}
