package methods

func quasiMethods() []Method { return nil }
