// Package dashboards holds what its faces share: whom they ask, and what they
// are told of a programme so that people can choose.
//
// It never computes a statistic, never sees a patient and names no programme:
// titles and keys come from programme files, numbers from disclosed answers.
package dashboards
