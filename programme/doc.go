// Package programme reads programme files: the instruments, timepoints,
// interventions, dimensions and case-mix terms of one programme of care.
//
// Nothing else in the code names a programme.
package programme
