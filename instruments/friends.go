package instruments

// FriendsAndFamilyShares returns the positive and the negative share, in per
// cent, of the six counts of answers to the Friends and Family question, best
// answer first, don't know last. Those who don't know stay in the denominator.
// Both are nil where nobody answered. Shares under the question of before April
// 2020 and of today can not be compared.
func FriendsAndFamilyShares(counts [6]int) (positive, negative *float64) {
	all := 0
	for _, n := range counts {
		all += n
	}
	if all == 0 {
		return nil, nil
	}
	share := func(n int) *float64 { return new(100 * float64(n) / float64(all)) }
	return share(counts[0] + counts[1]), share(counts[3] + counts[4])
}
