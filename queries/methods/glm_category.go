package methods

func categoryMethods() []Method { return nil }
