package methods

func glmMethods() []Method { return nil }
