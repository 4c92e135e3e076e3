package methods

func mixedMethods() []Method { return nil }
