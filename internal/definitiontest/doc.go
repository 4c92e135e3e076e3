// Package definitiontest makes folders of definitions for tests of what happens
// when an instrument's algorithm changes. It is never part of the program.
package definitiontest
