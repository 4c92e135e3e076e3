package methods

// quasiMethods are those that get an effect from how care came about: an
// instrument, a change in some places, a change at some time.
func quasiMethods() []Method { return seriesMethods() }
