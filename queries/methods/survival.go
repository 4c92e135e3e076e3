package methods

func survivalMethods() []Method { return nil }
