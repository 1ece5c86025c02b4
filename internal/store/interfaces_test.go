package store_test

import (
	"openivs/internal/control"
	"openivs/internal/session"
	"openivs/internal/store"
)

var (
	_ control.Store = (*store.DB)(nil)
	_ session.Store = (*store.DB)(nil)
)
