package methods

func bayesianMethods() []Method { return nil }
