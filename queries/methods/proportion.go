package methods

func proportionMethods() []Method { return nil }
