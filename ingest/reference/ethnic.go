package reference

// Ethnic groups of England's census of 2001, in which the NHS still records.
// The census of 2021 counts Chinese people among Asian ones.
const (
	White     = "white"
	Mixed     = "mixed"
	Asian     = "asian"
	Black     = "black"
	Other     = "other"
	NotStated = "not_stated"
	Unknown   = "unknown"
)

// EthnicGroup returns the group of an ethnic category of the NHS data
// dictionary: A to C, D to G, H, J to L, M, N, P, R, S, Z and 99. There is no I,
// O and Q. ok is false for any other text.
func EthnicGroup(category string) (group string, ok bool) {
	switch category {
	case "A", "B", "C":
		return White, true
	case "D", "E", "F", "G":
		return Mixed, true
	case "H", "J", "K", "L":
		return Asian, true
	case "M", "N", "P":
		return Black, true
	case "R", "S":
		return Other, true
	case "Z":
		return NotStated, true
	case "99":
		return Unknown, true
	}
	return "", false
}
