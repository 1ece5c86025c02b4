package control

import (
	"context"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

// A batch is the ARNs of a BatchGet operation, each one once, in the order of
// the request.
type batch struct {
	all  []ivs.ARN
	mine []ivs.ARN // those that may exist
	errs map[ivs.ARN]ivs.Code
}

// batch reads the ARNs of a request. An ARN of the wrong form or kind fails all
// of it.
func (p *Plane) batch(ctx context.Context, arns []string, kind ivs.Kind) (batch, error) {
	b := batch{errs: make(map[ivs.ARN]ivs.Code)}
	seen := make(map[string]bool, len(arns))
	for _, s := range arns {
		if seen[s] {
			continue
		}
		seen[s] = true
		a, err := p.own(ctx, "arns", s, kind)
		switch code := ivs.CodeOf(err); {
		case err == nil:
			b.mine = append(b.mine, a)
		case code == ivs.Denied, code == ivs.NotFound:
			b.errs[a] = code
		default:
			return batch{}, err
		}
		b.all = append(b.all, a)
	}
	return b, nil
}

// answer sorts what was found into the order of the request, and what was not
// into the list of errors. Neither list is nil.
func answer[R, S any](b batch, found []R, arn func(R) ivs.ARN, to func(R) S) ([]S, []ivsapi.BatchError) {
	byARN := make(map[ivs.ARN]R, len(found))
	for _, r := range found {
		byARN[arn(r)] = r
	}
	items, errs := make([]S, 0, len(found)), []ivsapi.BatchError{}
	for _, a := range b.all {
		r, ok := byARN[a]
		switch {
		case ok:
			items = append(items, to(r))
		case b.errs[a] == ivs.Denied:
			errs = append(errs, batchError(a, ivs.Denied))
		default:
			errs = append(errs, batchError(a, ivs.NotFound))
		}
	}
	return items, errs
}

func batchError(a ivs.ARN, of ivs.Code) ivsapi.BatchError {
	code, message, _ := batchCode(of)
	return ivsapi.BatchError{ARN: new(a.String()), Code: &code, Message: &message}
}

// batchCode is what batch operations say of an error with one of their items.
// known is false for an error that is not about the item.
func batchCode(c ivs.Code) (code, message string, known bool) {
	switch c {
	case ivs.Denied:
		return "403", "not authorized", true
	case ivs.NotFound:
		return "404", "not found", true
	default:
		return "", "", false
	}
}
