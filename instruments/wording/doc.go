// Package wording holds the texts of questionnaires that an installation brings
// itself: one YAML file, a pack, is the wording of one version of one
// instrument in one language, with the licence under which it is shown.
//
// Open reads a folder of packs strictly and holds each against the instrument's
// definition. Library.Show hands out a pack as long as its licence lasts.
//
// It ships no wording, never shows one without a licence statement or after the
// licence has ended, never mends or fills in a text, never scores, and never
// writes a word of a pack into an error.
package wording
