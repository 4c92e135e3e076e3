package methods

func providerMethods() []Method { return nil }
