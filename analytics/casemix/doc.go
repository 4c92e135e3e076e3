// Package casemix compares providers after allowing for the patients they see:
// case-mix adjusted scores and health gains with their control limits.
//
// It never refits a model whose predictions were published with the records,
// and never decides which direction is good: the caller gives the sign.
package casemix
