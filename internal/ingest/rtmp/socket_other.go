//go:build !linux

package rtmp

import (
	"errors"
	"net"
)

// detach leaves connections to the runtime.
func detach(net.Conn) (socket, error) { return nil, errors.ErrUnsupported }
