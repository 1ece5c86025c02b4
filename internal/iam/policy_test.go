package iam_test

import (
	"slices"
	"strings"
	"testing"

	"openivs/internal/iam"
)

const channel = "arn:aws:ivs:us-east-1:000000000000:channel/abcDEF123456"

func TestEvaluate(t *testing.T) {
	for _, tc := range []struct {
		name    string
		policy  string
		action  string
		context map[string][]string
		want    iam.Decision
	}{
		{"allowed by name", `{"Statement":{"Effect":"Allow","Action":"ivs:GetChannel","Resource":"*"}}`, "ivs:GetChannel", nil, iam.Allowed},
		{"nothing allows it", `{"Statement":{"Effect":"Allow","Action":"ivs:GetChannel","Resource":"*"}}`, "ivs:GetStream", nil, iam.NotAllowed},
		{"actions ignore case", `{"Statement":{"Effect":"Allow","Action":"IVS:getCHANNEL","Resource":"*"}}`, "ivs:GetChannel", nil, iam.Allowed},
		{"wildcards in actions", `{"Statement":{"Effect":"Allow","Action":["ivs:Get*","ivs:?utMetadata"],"Resource":"*"}}`, "ivs:PutMetadata", nil, iam.Allowed},
		{"a denial beats a permission before it", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"ivs:Delete*","Resource":"*"}]}`, "ivs:DeleteChannel", nil, iam.Denied},
		{"a denial beats a permission behind it", `{"Statement":[{"Effect":"Deny","Action":"ivs:Delete*","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}]}`, "ivs:DeleteChannel", nil, iam.Denied},
		{"resource by wildcard", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:ivs:*:*:channel/abc*"}}`, "ivs:GetChannel", nil, iam.Allowed},
		{"resources heed case", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:ivs:*:*:channel/ABC*"}}`, "ivs:GetChannel", nil, iam.NotAllowed},
		{"another resource", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:ivs:*:*:stream-key/*"}}`, "ivs:GetChannel", nil, iam.NotAllowed},
		{"NotAction", `{"Statement":{"Effect":"Allow","NotAction":"ivs:Delete*","Resource":"*"}}`, "ivs:GetChannel", nil, iam.Allowed},
		{"NotAction names it", `{"Statement":{"Effect":"Allow","NotAction":"ivs:Get*","Resource":"*"}}`, "ivs:GetChannel", nil, iam.NotAllowed},
		{"NotResource", `{"Statement":{"Effect":"Deny","Action":"*","NotResource":"arn:aws:ivs:*:*:channel/abc*"}}`, "ivs:GetChannel", nil, iam.NotAllowed},
		{"StringEquals on a tag", cond(`"StringEquals":{"aws:ResourceTag/Team":"live"}`), "ivs:GetChannel", map[string][]string{"aws:resourcetag/team": {"live"}}, iam.Allowed},
		{"StringEquals heeds case", cond(`"StringEquals":{"aws:ResourceTag/team":"Live"}`), "ivs:GetChannel", map[string][]string{"aws:resourcetag/team": {"live"}}, iam.NotAllowed},
		{"StringEquals without the key", cond(`"StringEquals":{"aws:ResourceTag/team":"live"}`), "ivs:GetChannel", nil, iam.NotAllowed},
		{"StringEqualsIfExists without the key", cond(`"StringEqualsIfExists":{"aws:ResourceTag/team":"live"}`), "ivs:GetChannel", nil, iam.Allowed},
		{"StringNotEquals without the key", cond(`"StringNotEquals":{"aws:ResourceTag/team":"live"}`), "ivs:GetChannel", nil, iam.Allowed},
		{"StringNotEquals with another value", cond(`"StringNotEquals":{"aws:ResourceTag/team":["a","b"]}`), "ivs:GetChannel", map[string][]string{"aws:resourcetag/team": {"c"}}, iam.Allowed},
		{"StringNotEquals with a listed value", cond(`"StringNotEquals":{"aws:ResourceTag/team":["a","b"]}`), "ivs:GetChannel", map[string][]string{"aws:resourcetag/team": {"b"}}, iam.NotAllowed},
		{"StringLike", cond(`"StringLike":{"aws:ResourceTag/team":"li*"}`), "ivs:GetChannel", map[string][]string{"aws:resourcetag/team": {"live"}}, iam.Allowed},
		{"all conditions must hold", cond(`"StringLike":{"aws:ResourceTag/team":"li*"},"Null":{"aws:RequestTag/x":"false"}`), "ivs:GetChannel", map[string][]string{"aws:resourcetag/team": {"live"}}, iam.NotAllowed},
		{"Null true, key absent", cond(`"Null":{"aws:ResourceTag/team":"true"}`), "ivs:GetChannel", nil, iam.Allowed},
		{"Null true, key present", cond(`"Null":{"aws:ResourceTag/team":true}`), "ivs:GetChannel", map[string][]string{"aws:resourcetag/team": {""}}, iam.NotAllowed},
		{"ForAllValues, all listed", cond(`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`), "ivs:TagResource", map[string][]string{"aws:tagkeys": {"b", "a"}}, iam.Allowed},
		{"ForAllValues, one is not", cond(`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`), "ivs:TagResource", map[string][]string{"aws:tagkeys": {"b", "c"}}, iam.NotAllowed},
		{"ForAllValues, key absent", cond(`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`), "ivs:TagResource", nil, iam.Allowed},
		{"ForAnyValue, one is listed", cond(`"ForAnyValue:StringLike":{"aws:TagKeys":["a*"]}`), "ivs:TagResource", map[string][]string{"aws:tagkeys": {"z", "ab"}}, iam.Allowed},
		{"tag keys ignore case", cond(`"ForAllValues:StringEquals":{"aws:TagKeys":["Team","SHIFT"]}`), "ivs:TagResource", map[string][]string{"aws:tagkeys": {"team", "shift"}}, iam.Allowed},
		{"ForAnyValue of a negation, one is another", cond(`"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a"]}`), "ivs:TagResource", map[string][]string{"aws:tagkeys": {"a", "b"}}, iam.Allowed},
		{"ForAnyValue of a negation, all are listed", cond(`"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a"]}`), "ivs:TagResource", map[string][]string{"aws:tagkeys": {"a"}}, iam.NotAllowed},
		{"a question mark is one character, not one byte", cond(`"StringLike":{"aws:ResourceTag/team":"caf?"}`), "ivs:GetChannel", map[string][]string{"aws:resourcetag/team": {"café"}}, iam.Allowed},
		{"a star takes whole characters", cond(`"StringLike":{"aws:ResourceTag/team":"*??zq"}`), "ivs:GetChannel", map[string][]string{"aws:resourcetag/team": {"€zq"}}, iam.NotAllowed},
		{"two question marks are two", cond(`"StringLike":{"aws:ResourceTag/team":"caf??"}`), "ivs:GetChannel", map[string][]string{"aws:resourcetag/team": {"café"}}, iam.NotAllowed},
		{"Null true, a key without values", cond(`"Null":{"aws:TagKeys":"true"}`), "ivs:GetChannel", map[string][]string{"aws:tagkeys": {}}, iam.Allowed},
		{"ForAnyValue, key absent", cond(`"ForAnyValue:StringLike":{"aws:TagKeys":["a*"]}`), "ivs:TagResource", nil, iam.NotAllowed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := iam.Parse([]byte(tc.policy))
			if err != nil {
				t.Fatal(err)
			}
			got := iam.Evaluate([]*iam.Policy{p}, iam.Request{Action: tc.action, Resource: channel, Context: tc.context})
			if got != tc.want {
				t.Errorf("Evaluate(%s) = %v, want %v", tc.policy, got, tc.want)
			}
		})
	}
}

func cond(c string) string {
	return `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + c + `}}}`
}

func TestParseRefusesWhatItWouldNotHonour(t *testing.T) {
	for name, doc := range map[string]string{
		"no JSON":                   `x`,
		"nothing":                   `{}`,
		"unknown element":           `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}`,
		"unknown effect":            `{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}`,
		"no action":                 `{"Statement":{"Effect":"Allow","Resource":"*"}}`,
		"no resource":               `{"Statement":{"Effect":"Allow","Action":"*"}}`,
		"both kinds of action":      `{"Statement":{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}}`,
		"action without service":    `{"Statement":{"Effect":"Allow","Action":"GetChannel","Resource":"*"}}`,
		"unknown operator":          cond(`"NumericEquals":{"aws:x":"1"}`),
		"set operator on Null":      cond(`"ForAllValues:Null":{"aws:x":"true"}`),
		"Null with another value":   cond(`"Null":{"aws:x":"maybe"}`),
		"condition without a value": cond(`"StringEquals":{"aws:x":[]}`),
		"an element twice":          `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Effect":"Deny"}}`,
		"an element twice, folded":  `{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","effect":"Allow"}}`,
		"an operator twice":         cond(`"StringEquals":{"aws:x":"1"},"StringEquals":{"aws:y":"1"}`),
		"null":                      `{"Statement":{"Effect":"Deny","Action":"*","Resource":null}}`,
		"null in a list":            `{"Statement":{"Effect":"Deny","Action":["*",null],"Resource":"*"}}`,
		"null for conditions":       `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":null}}`,
		"an empty resource":         `{"Statement":{"Effect":"Deny","Action":"*","Resource":""}}`,
		"a resource without arn":    `{"Statement":{"Effect":"Deny","Action":"*","Resource":"channel/*"}}`,
		"brackets without an end":   strings.Repeat("[", 6000),
		"condition on an object":    cond(`"StringEquals":{"aws:x":{}}`),
		"policy variable":           cond(`"StringEquals":{"aws:x":"${aws:username}"}`),
		"unknown version":           `{"Version":"2020-01-01","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
		"two documents":             `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}} {}`,
		"too long":                  `{"Statement":{"Effect":"Allow","Action":"*","Resource":"` + strings.Repeat("a", iam.MaxPolicy) + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := iam.Parse([]byte(doc)); err == nil {
				t.Errorf("Parse(%.80s) took it, want an error", doc)
			}
		})
	}
}

func TestEveryManagedPolicyCanBeRead(t *testing.T) {
	for _, name := range iam.ManagedNames() {
		doc, ok := iam.Managed(name)
		if _, err := iam.Parse([]byte(doc)); !ok || err != nil {
			t.Errorf("%s: known %t, %v", name, ok, err)
		}
	}
}

func TestManagedPoliciesDoWhatTheirNamesSay(t *testing.T) {
	for _, tc := range []struct {
		policy, action string
		want           iam.Decision
	}{
		{"IVSFullAccess", "ivs:DeleteChannel", iam.Allowed},
		{"IVSFullAccess", "s3:PutObject", iam.NotAllowed},
		{"IVSReadOnlyAccess", "ivs:GetChannel", iam.Allowed},
		{"IVSReadOnlyAccess", "ivs:ListTagsForResource", iam.Allowed},
		{"IVSReadOnlyAccess", "ivs:GetStreamKey", iam.NotAllowed},
		{"IVSReadOnlyAccess", "ivs:BatchGetStreamKey", iam.NotAllowed},
		{"IVSReadOnlyAccess", "ivs:CreateChannel", iam.NotAllowed},
		{"IVSReadOnlyAccess", "ivs:PutMetadata", iam.NotAllowed},
	} {
		doc, ok := iam.Managed(tc.policy)
		if !ok {
			t.Fatalf("no policy is called %s", tc.policy)
		}
		p, err := iam.Parse([]byte(doc))
		if err != nil {
			t.Fatalf("%s: %v", tc.policy, err)
		}
		if got := iam.Evaluate([]*iam.Policy{p}, iam.Request{Action: tc.action, Resource: channel}); got != tc.want {
			t.Errorf("%s on %s = %v, want %v", tc.policy, tc.action, got, tc.want)
		}
	}
}

func TestKeysAreThoseOfAllStatements(t *testing.T) {
	p, err := iam.Parse([]byte(`{"Statement":[
		{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:ResourceTag/Team":"a","aws:TagKeys":"b"}}},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Null":{"AWS:TagKeys":true}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Keys(), []string{"aws:resourcetag/team", "aws:tagkeys"}; !slices.Equal(got, want) {
		t.Errorf("Keys() = %q, want %q", got, want)
	}
}

func TestWildcardsCostNoMoreThanTheProductOfLengths(t *testing.T) {
	doc := `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:` + strings.Repeat("*a", 1000) + `b"}}`
	p, err := iam.Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	if got := iam.Evaluate([]*iam.Policy{p}, iam.Request{Action: "ivs:x", Resource: "arn:" + strings.Repeat("a", 2000)}); got != iam.NotAllowed {
		t.Errorf("Evaluate = %v, want %v", got, iam.NotAllowed)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(cond(`"ForAllValues:StringLike":{"aws:TagKeys":["a*",true,1]},"Null":{"k":"true"}`)))
	f.Add([]byte(`{"Statement":[{"Effect":"Deny","NotAction":["ivs:*"],"NotResource":"x?*"}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := iam.Parse(doc)
		if err != nil {
			return
		}
		r := iam.Request{Action: "ivs:GetChannel", Resource: channel, Context: map[string][]string{"aws:tagkeys": {"a", "b"}}}
		alone := iam.Evaluate([]*iam.Policy{p}, r)
		deny, err := iam.Parse([]byte(`{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := iam.Evaluate([]*iam.Policy{p, deny}, r); got != iam.Denied {
			t.Errorf("%q with a denial of everything is %v, alone %v", doc, got, alone)
		}
		if again, err := iam.Parse(doc); err != nil || iam.Evaluate([]*iam.Policy{again}, r) != alone {
			t.Errorf("%q read twice is not the same: %v", doc, err)
		}
	})
}

func BenchmarkEvaluate(b *testing.B) {
	doc, _ := iam.Managed("IVSReadOnlyAccess")
	p, err := iam.Parse([]byte(doc))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		iam.Evaluate([]*iam.Policy{p}, iam.Request{Action: "ivs:GetChannel", Resource: channel})
	}
}
