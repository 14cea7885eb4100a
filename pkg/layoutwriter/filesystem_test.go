package layoutwriter

import "testing"

func TestBelongsToFile(t *testing.T) {
	for xattr, want := range map[string]bool{
		"user.note": true, "security.capability": true,
		"user.overlay.opaque": false, "trusted.overlay.opaque": false, "security.selinux": false, "system.posix_acl_access": false,
	} {
		if got := belongsToFile(xattr); got != want {
			t.Errorf("%s: %t", xattr, got)
		}
	}
}
