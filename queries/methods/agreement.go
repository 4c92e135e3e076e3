package methods

func agreementMethods() []Method { return nil }
