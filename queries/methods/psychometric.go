package methods

func psychometricMethods() []Method { return nil }
