// Package doublyrobust estimates treatment effects with a model of the outcome:
// alone (g-computation) or together with the propensity (AIPW, TMLE), for two
// arms and for several.
//
// Everything is linear in the outcome given the models, so cells carry every
// estimate and every standard error. It never chooses a model, never bounds a
// propensity silently, and never fits by machine learning: for that the errors
// here would need sample splitting.
package doublyrobust
