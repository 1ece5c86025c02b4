package iam

// Managed returns the document of a policy that exists by name.
//
// As in AWS, reading does not include the values of stream keys; another policy
// of the same key may allow that.
func Managed(name string) (string, bool) {
	switch name {
	case "IVSFullAccess":
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["ivs:*","cloudwatch:*","openivs:*"],"Resource":"*"}}`, true
	case "IVSReadOnlyAccess":
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[
			"ivs:BatchGetChannel","ivs:GetAdConfiguration","ivs:GetChannel","ivs:GetPlaybackKeyPair",
			"ivs:GetPlaybackRestrictionPolicy","ivs:GetRecordingConfiguration","ivs:GetStream","ivs:GetStreamSession","ivs:List*",
			"cloudwatch:Describe*","cloudwatch:Get*","cloudwatch:List*","openivs:Get*","openivs:List*"],"Resource":"*"}}`, true
	default:
		return "", false
	}
}

// ManagedNames lists the policies that Managed knows.
func ManagedNames() []string { return []string{"IVSFullAccess", "IVSReadOnlyAccess"} }
