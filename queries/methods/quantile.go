package methods

func quantileMethods() []Method { return nil }
