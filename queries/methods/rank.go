package methods

func rankMethods() []Method { return nil }
