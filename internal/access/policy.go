package access

import (
	"fmt"
	"strings"
	"sync"

	"openivs/internal/iam"
)

// FullAccess is the managed policy of a key that may do everything.
const FullAccess = "IVSFullAccess"

// MaxPolicies is how many policies a key has at most (IAM and STS quotas).
const MaxPolicies = 10

// Everything reports whether nothing is forbidden to a key with these policies.
func Everything(policies []string) bool {
	return len(policies) == 1 && policies[0] == FullAccess
}

// Check says what is wrong with the policies of a new key: each is the name of a
// managed policy or a document, with conditions on nothing but tags.
func Check(policies []string) error {
	if len(policies) == 0 || len(policies) > MaxPolicies {
		return fmt.Errorf("a key has 1 to %d policies, not %d", MaxPolicies, len(policies))
	}
	for _, d := range policies {
		p, err := read(d)
		if err != nil {
			return err
		}
		for _, k := range p.Keys() {
			if k != tagKeys && !strings.HasPrefix(k, resourceTag) && !strings.HasPrefix(k, requestTag) {
				return fmt.Errorf("policy: the condition key %s has no value here: there are aws:ResourceTag/KEY, aws:RequestTag/KEY and aws:TagKeys", k)
			}
		}
	}
	return nil
}

// read reads a policy by its name or its text.
func read(policy string) (*iam.Policy, error) {
	doc := policy
	if !strings.HasPrefix(strings.TrimSpace(policy), "{") {
		var ok bool
		if doc, ok = iam.Managed(policy); !ok {
			return nil, fmt.Errorf("there is no managed policy %q: there are %s", policy, strings.Join(iam.ManagedNames(), " and "))
		}
	}
	return iam.Parse([]byte(doc))
}

// maxCallers is how many access keys are remembered. When there would be more,
// all are forgotten.
const maxCallers = 1024

type callers struct {
	mu    sync.RWMutex
	byKey map[string]*caller
}

func (c *callers) get(key string) (*caller, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.byKey[key]
	return v, ok
}

func (c *callers) put(key string, v *caller) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = make(map[string]*caller)
	}
	if _, ok := c.byKey[key]; !ok && len(c.byKey) >= maxCallers {
		clear(c.byKey)
	}
	c.byKey[key] = v
}
