package moments

import "math/bits"

// product returns a·b without overflow.
func product(a, b int64) Int128 {
	negative := (a < 0) != (b < 0)
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	p := Int128{Hi: int64(hi), Lo: lo}
	if negative {
		return p.negate()
	}
	return p
}

// negate returns −a.
func (a Int128) negate() Int128 {
	lo, carry := bits.Add64(^a.Lo, 1, 0)
	hi, _ := bits.Add64(^uint64(a.Hi), 0, carry)
	return Int128{Hi: int64(hi), Lo: lo}
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return uint64(-(v + 1)) + 1
	}
	return uint64(v)
}
