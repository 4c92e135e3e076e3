package methods

func missingMethods() []Method { return nil }
