package methods

func weightingMethods() []Method { return nil }
