package nation

import (
	"fmt"
	"os"
)

func (n *Nation) Dev() {
	_ = os.WriteFile("/tmp/b1/env", []byte(fmt.Sprintf("A=%s\nH=%s\nU=%s\nP='%s'\nD=%s\n", n.db.Addr, n.db.HTTPAddr, n.db.User, n.db.Password, n.db.Database)), 0o600)
}
